//! `cargo xtask simulate`: the engine among simulated hostile locks. See `crates/simulate`.

use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::run::{Result, Root, must_succeed, watch};
use crate::tally::Tally;

/// The profile of the simulation: as quick as a release, built sooner.
const PROFILE: &str = "simulate";

/// What is simulated.
#[derive(Args)]
pub(crate) struct Simulation {
    /// How many attempts
    #[arg(long, default_value_t = 1_000_000)]
    cycles: u64,
    /// Decides everything that happens; a fresh one by default
    #[arg(long)]
    seed: Option<u64>,
    /// Something goes wrong around one command in so many; 0: never
    #[arg(long, default_value_t = 100)]
    trouble_every: u64,
    /// Tells only the story of this number
    #[arg(long)]
    story: Option<u64>,
}

impl Simulation {
    fn arguments(&self) -> Vec<String> {
        let mut arguments =
            vec![format!("--cycles={}", self.cycles), format!("--trouble-every={}", self.trouble_every)];
        arguments.extend(self.seed.map(|seed| format!("--seed={seed}")));
        arguments.extend(self.story.map(|story| format!("--story={story}")));
        arguments
    }
}

/// Simulates; an untrue answer is a failure.
pub(crate) fn run(root: &Root, simulation: &Simulation) -> Result<Tally> {
    must_succeed(&mut build(root))?;
    let mut command = root.command(program(root));
    command.args(simulation.arguments());
    Ok(Tally::one(watch(&mut command, |_| {})?))
}

/// The command that builds the simulation.
pub(crate) fn build(root: &Root) -> Command {
    let mut command = root.cargo();
    command.args(["build", "--locked", "--profile", PROFILE, "--package", "thumbturn-simulate"]);
    // Also where it is off for everything else: nothing else of this profile is ever built.
    command.env("CARGO_INCREMENTAL", "1");
    command
}

/// The simulation, once it is built.
pub(crate) fn program(root: &Root) -> PathBuf {
    root.target().join(PROFILE).join("thumbturn-simulate")
}
