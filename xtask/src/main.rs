//! Project tasks, started with `cargo xtask <task>`.
//!
//! `test` installs what the tests need and runs everything, `e2e` runs the suites that drive the
//! built binary with official clients, `fuzz` runs the fuzz targets, `bench` measures, `simulate` and `mutants` try the
//! engine among hostile locks, `soak` kills the server, cuts its power and asks too much of it, `docs` writes what is made
//! from the declarations, `lint` runs every check that needs no running server. Nothing here is part of the product.
#![expect(clippy::print_stdout, reason = "a task runner talks to the person who started it")]

mod bench;
mod e2e;
mod fuzz;
mod generated;
mod install;
mod lint;
mod mutants;
mod paths;
mod run;
mod simulate;
mod soak;
mod tables;
mod tally;
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::e2e::Suite;
use crate::run::Root;
use crate::simulate::Simulation;
use crate::tally::Tally;

/// Project tasks of Thumbturn.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the tests need, then run all of them
    Test {
        /// Install nothing; fail where something is missing
        #[arg(long)]
        no_install: bool,
    },
    /// Run the suites that drive the built server with official clients
    E2e {
        /// Only this suite
        suite: Option<Suite>,
        /// Install nothing; fail where something is missing
        #[arg(long)]
        no_install: bool,
    },
    /// Feed the readers of requests whatever libFuzzer finds, each target for some seconds
    Fuzz {
        /// Only this target
        target: Option<fuzz::Target>,
        /// How long each target runs
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Run the target once more on this input, which crashed it
        #[arg(long, requires = "target", value_name = "FILE")]
        repeat: Option<PathBuf>,
    },
    /// Measure a release build beside others: unlocks per second, latencies, start, memory
    Bench {
        #[command(flatten)]
        choice: bench::Choice,
        /// Install nothing; fail where something is missing
        #[arg(long)]
        no_install: bool,
    },
    /// Run the engine among simulated hostile locks and judge every answer
    Simulate(Simulation),
    /// Put deliberate bugs into a copy of the engine and see whether the simulation notices
    Mutants {
        /// Only those with this in their name
        only: Option<String>,
    },
    /// Kill the built server, cut the power under its store, and ask too much of it, for long
    Soak {
        #[command(flatten)]
        amount: soak::Amount,
        /// Install nothing; fail where something is missing
        #[arg(long)]
        no_install: bool,
    },
    /// Write those parts of the documents that are made from the declarations of the API
    Docs,
    /// Format, clippy, docs, licences, crate boundaries, paths named in the docs, and what is made for them
    Lint {
        /// Also ask the advisory database (downloads it)
        #[arg(long)]
        advisories: bool,
    },
}

fn main() -> ExitCode {
    match perform(Cli::parse().task) {
        Ok(tally) if tally.failed == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            println!("\nxtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one task and prints what failed, then its closing line, such as `tests: 12 passed, 0 failed`.
fn perform(task: Task) -> run::Result<Tally> {
    let root = Root::find()?;
    let (tally, what) = match task {
        Task::Test { no_install } => (tests::all(&root, !no_install)?, "tests"),
        Task::E2e { suite, no_install } => (e2e::all(&root, suite, !no_install)?, "tests"),
        Task::Fuzz { target: Some(target), repeat: Some(input), .. } => (fuzz::repeat(&root, target, &input)?, "fuzz"),
        Task::Fuzz { target, seconds, .. } => (fuzz::all(&root, target, seconds, true)?, "fuzz"),
        Task::Bench { choice, no_install } => (bench::all(&root, &choice, !no_install)?, "bench"),
        Task::Simulate(simulation) => (simulate::run(&root, &simulation)?, "simulate"),
        Task::Mutants { only } => (mutants::all(&root, only.as_deref())?, "mutants"),
        Task::Soak { amount, no_install } => (soak::all(&root, &amount, !no_install)?, "soak"),
        Task::Docs => (generated::write(&root)?, "docs"),
        Task::Lint { advisories } => (lint::all(&root, advisories)?, "lint"),
    };
    if !tally.failures.is_empty() {
        println!("\n{what}, what failed:\n{}", tally.failures.join("\n"));
    }
    println!("\n{what}: {tally}");
    Ok(tally)
}
