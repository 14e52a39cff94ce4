//! `cargo xtask soak`: the built server is killed at random moments, the power is cut under its store, three nodes on one
//! database are killed, paused and cut off, as often as asked for, and it is asked for ten times as much as it can do, as long as asked for. All are ordinary tests, of which
//! `cargo xtask test` runs a little; here they run for long.

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
    /// How many troubles three nodes on one PostgreSQL live through
    #[arg(long, default_value_t = 60)]
    nodes: u32,
    /// How long each of the two overloads goes on, in seconds
    #[arg(long, default_value_t = 60)]
    overload: u32,
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

const NODES: Trial = Trial {
    what: "troubles of nodes",
    package: "thumbturn",
    test: [
        "mqtt",
        "nodes::on_three_nodes_nothing_acknowledged_is_lost_and_nothing_is_sent_twice_whatever_happens_to_them",
    ],
    amount: "NODES_TROUBLES",
    seed: "NODES_SEED",
};

const OVERLOAD: Trial = Trial {
    what: "overload",
    package: "thumbturn",
    test: ["load", "overload::too_much_is_refused_and_nothing_acknowledged_is_lost"],
    amount: "OVERLOAD_SECONDS",
    seed: "OVERLOAD_SEED",
};

/// Runs them and prints what they came to.
pub(crate) fn all(root: &Root, amount: &Amount, install: bool) -> Result<Tally> {
    if amount.kills + amount.cuts + amount.nodes + amount.overload == 0 {
        return Err(Error::Message("neither kills nor cuts nor troubles nor an overload are asked for".to_owned()));
    }
    install::programs(root, install)?;
    let seed = amount.seed.unwrap_or_else(fresh_seed);
    let Amount { kills, cuts, nodes, overload, .. } = amount;
    println!("soak: --kills {kills} --cuts {cuts} --nodes {nodes} --overload {overload} --seed {seed}");
    let (mut tally, mut sum, mut report) = (Tally::default(), Figures::default(), Vec::new());
    for (trial, times) in [(CUTS, amount.cuts), (KILLS, amount.kills), (NODES, amount.nodes)] {
        if times > 0 {
            let mut figures = Figures::default();
            tally += trial.run(root, times, seed, |line| figures.read(line))?;
            sum += figures;
            report.push(format!("{}: {figures}", trial.what));
        }
    }
    report.push(format!("together: {sum}"));
    if amount.overload > 0 {
        tally += OVERLOAD.run(root, amount.overload, seed, |line| {
            // Its own words of each load, and of what became of it all.
            if line.contains(" locks: capacity ") || line.contains(" attempts acknowledged; ") {
                report.push(format!("{}: {line}", OVERLOAD.what));
            }
        })?;
    }
    println!("\nseed {seed}\n{}", report.join("\n"));
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
    fn run(&self, root: &Root, times: u32, seed: u64, mut read: impl FnMut(&str)) -> Result<Tally> {
        let mut tally = Tally::default();
        let [file, name] = self.test;
        let mut command = root.cargo();
        command.args(["test", "--locked", "--package", self.package, "--test", file]);
        command.args(["--", "--exact", name, "--nocapture"]);
        command.env(self.amount, times.to_string()).env(self.seed, seed.to_string());
        let succeeded = watch(&mut command, |line| {
            tally.read_cargo(line);
            read(line);
        })?;
        Ok(tally.of_run(succeeded))
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
        let times = [" kills: ", " cuts in ", " troubles of "].into_iter().filter(|word| line.contains(word));
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
        figures.read(
            "4 troubles of 3 nodes: 9 attempts acknowledged, 8 commands sent, 2 attempts left unfinished, 5 confirmed",
        );
        assert_eq!(figures, Figures { times: 4, acknowledged: 9, commands: 8, left_over: 2 });
    }
}
