//! `cargo xtask soak`: the built server is killed at random moments, and the power is cut under its store, as often as
//! asked for. Both are ordinary tests, of which `cargo xtask test` runs a few; here they run for long.

use std::fmt;
use std::ops::AddAssign;
use std::time::SystemTime;

use clap::Args;

use crate::install;
use crate::run::{Error, Result, Root, watch};
use crate::tally::{Tally, number_before};

/// How much of it.
#[derive(Args)]
pub(crate) struct Amount {
    /// How often to kill the built server, at least
    #[arg(long, default_value_t = 300)]
    kills: u32,
    /// How often to cut the power under the store, at least
    #[arg(long, default_value_t = 700)]
    cuts: u32,
    /// Where the seeds begin; a new one each time unless given
    #[arg(long)]
    seed: Option<u64>,
}

/// A test that goes on for as long as it is told to.
struct Trial {
    what: &'static str,
    package: &'static str,
    /// The test's file and its name.
    test: [&'static str; 2],
    /// The variables that hold the amount and the seed.
    amount: &'static str,
    seed: &'static str,
}

const CUTS: Trial = Trial {
    what: "power cuts",
    package: "thumbturn-powercut",
    test: ["it", "cuts::a_cut_loses_nothing_leaves_nothing_pending_and_sends_nothing_again"],
    amount: "POWERCUT_CUTS",
    seed: "POWERCUT_SEED",
};

const KILLS: Trial = Trial {
    what: "kills",
    package: "thumbturn",
    test: ["mqtt", "kills::nothing_acknowledged_is_lost_and_nothing_is_sent_twice_after_a_kill"],
    amount: "KILL_ROUNDS",
    seed: "KILL_SEED",
};

/// Runs both and prints what they came to.
pub(crate) fn all(root: &Root, amount: &Amount, install: bool) -> Result<Tally> {
    if amount.kills + amount.cuts == 0 {
        return Err(Error::Message("neither kills nor cuts are asked for".to_owned()));
    }
    install::programs(root, install)?;
    let seed = amount.seed.unwrap_or_else(fresh_seed);
    println!("soak: --kills {} --cuts {} --seed {seed}", amount.kills, amount.cuts);
    let (mut tally, mut sum, mut report) = (Tally::default(), Figures::default(), Vec::new());
    for (trial, times) in [(CUTS, amount.cuts), (KILLS, amount.kills)] {
        if times > 0 {
            let (counted, figures) = trial.run(root, times, seed)?;
            tally += counted;
            sum += figures;
            report.push(format!("{}: {figures}", trial.what));
        }
    }
    println!("\nseed {seed}\n{}\ntogether: {sum}", report.join("\n"));
    if tally.failed == 0 {
        println!("0 lost, 0 pending for ever, 0 second commands");
    }
    Ok(tally)
}

/// The time: short enough to be read aloud.
fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Trial {
    fn run(&self, root: &Root, times: u32, seed: u64) -> Result<(Tally, Figures)> {
        let (mut tally, mut figures) = (Tally::default(), Figures::default());
        let [file, name] = self.test;
        let mut command = root.cargo();
        command.args(["test", "--locked", "--package", self.package, "--test", file]);
        command.args(["--", "--exact", name, "--nocapture"]);
        command.env(self.amount, times.to_string()).env(self.seed, seed.to_string());
        let succeeded = watch(&mut command, |line| {
            tally.read_cargo(line);
            figures.read(line);
        })?;
        Ok((tally.of_run(succeeded), figures))
    }
}

/// What a test counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    times: u64,
    acknowledged: u64,
    commands: u64,
    left_over: u64,
}

impl Figures {
    /// The closing line of either test.
    fn read(&mut self, line: &str) {
        let [Some(acknowledged), Some(commands), Some(left_over)] =
            [" attempts acknowledged", " commands sent", " attempts left unfinished"]
                .map(|word| number_before(line, word))
        else {
            return;
        };
        let times = [" kills: ", " cuts in "].into_iter().filter(|word| line.contains(word));
        let times = times.filter_map(|word| number_before(line, word)).sum();
        *self = Self { times, acknowledged, commands, left_over };
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.times += other.times;
        self.acknowledged += other.acknowledged;
        self.commands += other.commands;
        self.left_over += other.left_over;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { times, acknowledged, commands, left_over } = self;
        write!(
            f,
            "{times}; {acknowledged} attempts acknowledged, {commands} commands sent, {left_over} left unfinished"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Figures;

    #[test]
    fn the_closing_lines_of_both_tests_are_read_and_no_other() {
        let mut figures = Figures::default();
        figures.read("KILL_SEED=3 KILL_ROUNDS=8");
        assert_eq!(figures, Figures::default());
        figures.read(
            "10 kills: 132 attempts acknowledged, 48 commands sent, 108 attempts left unfinished by a kill, 24 confirmed; \
             0 lost",
        );
        assert_eq!(figures, Figures { times: 10, acknowledged: 132, commands: 48, left_over: 108 });
        figures.read(
            "61 cuts in 20 stories: 7 attempts acknowledged, 6 commands sent, 5 attempts left unfinished by a cut",
        );
        assert_eq!(figures, Figures { times: 61, acknowledged: 7, commands: 6, left_over: 5 });
    }
}
