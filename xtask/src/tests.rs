//! `cargo xtask test`: everything, in the order in which a failure is cheapest to read.

use crate::run::{Result, Root, watch};
use crate::tally::Tally;
use crate::{e2e, fuzz, install, mutants};

/// How long each fuzz target runs, in seconds: enough to meet again what was met before, and a little more.
const FUZZ: u64 = 10;

/// Unit and integration tests, documentation tests, deliberate bugs that the simulation must find, a short turn of each
/// fuzz target, then the end-to-end suites. A failure does not stop what comes after it.
pub(crate) fn all(root: &Root, install: bool) -> Result<Tally> {
    install::programs(root, install)?;
    for peer in ["zwave", "matter", "zigbee2mqtt"] {
        install::node_packages(root, peer, install)?;
    }
    install::home_assistant(root, install)?;
    install::matter(root, install)?;
    // Tests start the examples too; building all targets makes tests of them.
    e2e::build_programs(root)?;
    let mut tally = Tally::default();
    tally += cargo_test(root, &["--all-targets"])?;
    tally += documentation_tests(root)?;
    tally += mutants::all(root, None)?;
    tally += fuzz::all(root, None, FUZZ, install)?;
    tally += e2e::all(root, None, install)?;
    Ok(tally)
}

fn cargo_test(root: &Root, which: &[&str]) -> Result<Tally> {
    let (tally, succeeded) = count(root, which)?;
    Ok(tally.of_run(succeeded))
}

/// A workspace without a documentation test is in order, so no count is no failure here.
fn documentation_tests(root: &Root) -> Result<Tally> {
    let (tally, succeeded) = count(root, &["--doc"])?;
    Ok(if succeeded { tally } else { tally.of_run(false) })
}

fn count(root: &Root, which: &[&str]) -> Result<(Tally, bool)> {
    let mut tally = Tally::default();
    let mut command = root.cargo();
    command.args(["test", "--locked", "--workspace", "--no-fail-fast"]).args(which);
    let succeeded = watch(&mut command, |line| tally.read_cargo(line))?;
    Ok((tally, succeeded))
}
