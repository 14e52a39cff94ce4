//! `simulate`: runs the engine among hostile locks and says whether every answer was true.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is what the program is for")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use thumbturn_simulate::{Campaign, run};

/// Commands simulated hostile locks through the real engine and store, and checks every answer.
#[derive(Parser)]
struct Args {
    /// How many attempts.
    #[arg(long, default_value_t = 1_000_000)]
    cycles: u64,
    /// Decides everything that happens; a fresh one by default.
    #[arg(long)]
    seed: Option<u64>,
    /// Something goes wrong around one command in so many; 0: never.
    #[arg(long, default_value_t = 100)]
    trouble_every: u64,
    /// Tells only the story of this number.
    #[arg(long)]
    story: Option<u64>,
    /// How many stories at the same time.
    #[arg(long)]
    threads: Option<usize>,
    /// Where the stores lie while they are needed; in memory by default, where there is such a folder.
    #[arg(long)]
    folder: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    thumbturn_simulate::silence_driver_panics();
    let campaign = Campaign {
        cycles: args.cycles,
        seed: args.seed.unwrap_or_else(|| rand::random_range(0..1_000_000_000)),
        trouble_every: args.trouble_every,
        threads: args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
        only: args.story,
        folder: args.folder.unwrap_or_else(thumbturn_simulate::quick_folder),
    };
    println!("seed {}, trouble around one command in {}", campaign.seed, campaign.trouble_every);
    let began = Instant::now();
    let report = match run(&campaign) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    println!("{report}");
    println!("{:.1} s", began.elapsed().as_secs_f64());
    let Some(failed) = report.failed else { return ExitCode::SUCCESS };
    for untruth in &failed.untruths {
        println!("\nNOT TRUE: {untruth}");
    }
    println!(
        "\nto see it again: cargo xtask simulate --cycles {} --seed {} --trouble-every {} --story {}",
        campaign.cycles, campaign.seed, campaign.trouble_every, failed.story
    );
    ExitCode::FAILURE
}
