//! `cargo xtask bench`: figures of a release build, for `docs/performance.md`. They are printed, not judged.

use clap::Args;

use crate::install;
use crate::run::{Result, Root, must_succeed, watch};
use crate::tally::Tally;

/// What is measured.
#[derive(Args)]
pub(crate) struct Choice {
    /// Only this: rates, long, sdk, share, start, size, mqtt, postgres, nodes, zwave, home_assistant, matter or webhooks
    #[arg(long)]
    only: Option<String>,
    /// Also the rate after a million attempts, which takes minutes
    #[arg(long)]
    long: bool,
}

/// Builds what is measured and what measures, installs what it is compared with, then runs `e2e/bench/bench.mjs`.
pub(crate) fn all(root: &Root, choice: &Choice, install: bool) -> Result<Tally> {
    install::programs(root, install)?;
    install::node_packages(root, "js", install)?;
    install::node_packages(root, "bench", install)?;
    for peer in ["zwave", "matter"] {
        install::node_packages(root, peer, install)?;
    }
    install::home_assistant(root, install)?;
    install::matter(root, install)?;
    let build = ["build", "--release", "--locked", "--package", "thumbturn", "--package", "thumbturn-bench", "--bins"];
    must_succeed(root.cargo().args(build))?;
    let release = root.target().join("release");
    let mut command = root.command("node");
    command.arg("e2e/bench/bench.mjs").env("BENCH_PROGRAMS", &release);
    command.env("THUMBTURN_BIN", release.join("thumbturn"));
    if let Some(only) = &choice.only {
        command.args(["--only", only]);
    }
    if choice.long {
        command.arg("--long");
    }
    Ok(Tally::one(watch(&mut command, |_| {})?))
}
