//! `cargo xtask bench`: figures of a release build, for `docs/performance.md`. They are printed, not judged.

use crate::install;
use crate::run::{Result, Root, must_succeed, watch};
use crate::tally::Tally;

/// Builds what is measured and what measures, then runs `e2e/js/bench.mjs`.
pub(crate) fn all(root: &Root, install: bool) -> Result<Tally> {
    install::programs(root, install)?;
    install::node_packages(root, "js", install)?;
    let build = ["build", "--release", "--locked", "--package", "thumbturn", "--bins", "--example", "load"];
    must_succeed(root.cargo().args(build))?;
    let release = root.target().join("release");
    let mut command = root.command("node");
    command.arg("e2e/js/bench.mjs").arg(release.join("examples/load"));
    command.env("THUMBTURN_BIN", release.join("thumbturn"));
    Ok(Tally::one(watch(&mut command, |_| {})?))
}
