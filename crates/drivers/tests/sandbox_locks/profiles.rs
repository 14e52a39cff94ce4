//! Profiles over many commands in simulated time: the shares that the documentation names.

use std::collections::HashMap;

use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::{Bolt, Reachability};
use thumbturn_core::ports::{Answer, How, Said};
use thumbturn_drivers::sandbox::{Config, Patch, Physical, Position, Profile, Word};

use crate::bench::{Bench, REMOTE};

const COMMANDS: u64 = 2_000;

/// Longer than anything lasts that one command sets going.
const A_WHILE: u64 = 10_000;

/// What was heard of one command, by its time after the command.
struct Told {
    attempt: AttemptId,
    wanted: Bolt,
    words: Vec<(u64, Word)>,
    after: Physical,
}

/// Commands one after another on a lock of that profile, to and fro.
fn many(profile: Profile, commands: u64) -> Vec<Told> {
    let mut bench = Bench::of(&Config { locks: 1, latency_ms: 20, jitter_ms: 0, seed: 7 });
    bench.set(Patch { profile: Some(profile), ..Patch::default() });
    bench.at(0);
    let one = |number: u64| {
        let (start, wanted) = (number * A_WHILE, if number.is_multiple_of(2) { Bolt::Unlocked } else { Bolt::Locked });
        bench.at(start);
        let Ok(attempt) = bench.order(wanted) else { return None };
        let words = bench.at(start + A_WHILE - 1).into_iter().map(|(at, word)| (at - start, word)).collect();
        Some(Told { attempt, wanted, words, after: bench.physical() })
    };
    (0..commands).map_while(one).collect()
}

impl Told {
    fn answer(&self) -> Option<&Answer> {
        self.words.iter().find_map(|(_, word)| match word {
            Word::Answered(attempt, answer) if *attempt == self.attempt => Some(answer),
            _ => None,
        })
    }

    /// When the lock told that it moved because of the command, the first time and all further times.
    fn reports(&self) -> Vec<u64> {
        let is_report = |word: &Word| matches!(word, Word::Said { said, how, .. } if *said == Said::At(self.wanted) && *how == REMOTE);
        self.words.iter().filter(|(_, word)| is_report(word)).map(|(at, _)| *at).collect()
    }

    fn is_stale(&self) -> bool {
        let old = Said::At(self.wanted.other());
        self.words.iter().any(|(_, word)| matches!(word, Word::Said { said, how: How::Untagged, .. } if *said == old))
    }

    fn is_there(&self) -> bool {
        self.after.bolt == Position::from(self.wanted)
    }
}

/// The share in per cent.
fn share(told: &[Told], is: impl Fn(&Told) -> bool) -> f64 {
    let count = told.iter().filter(|one| is(one)).count();
    100.0 * count as f64 / told.len() as f64
}

#[track_caller]
fn assert_about(share: f64, expected: f64) {
    assert!((share - expected).abs() < 2.0, "{share} % instead of {expected} %");
}

#[test]
fn perfect_moves_at_once_and_says_all() {
    let told = many(Profile::Perfect, COMMANDS);
    assert_eq!(told.len() as u64, COMMANDS);
    for one in &told {
        assert_eq!((one.answer(), one.reports()), (Some(&Answer::Accepted), vec![0]));
        assert!(one.is_there() && one.words.len() == 2);
    }
    assert_eq!(told.last().unwrap().after.moves, COMMANDS);
}

#[test]
fn slow_motor_takes_2674_ms_give_or_take_400() {
    let told = many(Profile::SlowMotor, COMMANDS);
    let times: Vec<u64> = told.iter().map(|one| one.reports()[0]).collect();
    assert_eq!(times.len() as u64, COMMANDS);
    assert!(told.iter().all(Told::is_there));
    assert!(times.iter().all(|ms| (2_274..=3_074).contains(ms)), "{times:?}");
    let mean = times.iter().sum::<u64>() / COMMANDS;
    assert!((2_650..=2_698).contains(&mean), "{mean}");
    assert!(times.iter().any(|ms| *ms < 2_320) && times.iter().any(|ms| *ms > 3_028), "the whole range");
}

#[test]
fn flaky_radio_loses_what_it_says_it_loses_and_always_moves() {
    let told = many(Profile::FlakyRadio, COMMANDS);
    assert_about(share(&told, |one| one.answer() == Some(&Answer::NotAcknowledged)), 10.0);
    assert_about(share(&told, |one| one.reports().is_empty()), 10.0);
    assert_about(share(&told, Told::is_stale), 10.0);
    let reported: Vec<Told> = told.into_iter().filter(|one| !one.reports().is_empty()).collect();
    assert_about(share(&reported, |one| one.reports().len() == 2), 20.0);
    for one in &reported {
        assert!(one.is_there());
        let reports = one.reports();
        assert!((30..=270).contains(&reports[0]), "{reports:?}");
        assert!(reports.get(1).is_none_or(|again| *again == reports[0] + 4_400), "{reports:?}");
    }
}

#[test]
fn liar_claims_everything_and_moves_nothing() {
    let told = many(Profile::Liar, COMMANDS);
    for one in &told {
        assert_eq!(one.answer(), Some(&Answer::Accepted));
        let claim = Word::Said { said: Said::At(one.wanted), how: How::Assumed, sequence: None };
        assert!(one.words.iter().any(|(_, word)| *word == claim) && one.reports().is_empty());
        assert_eq!((one.after.bolt, one.after.moves), (Position::Locked, 0));
    }
    assert_eq!(told.last().unwrap().after.commands, COMMANDS);
}

#[test]
fn dying_battery_runs_six_times_and_goes_dark() {
    let told = many(Profile::DyingBattery, COMMANDS);
    assert_eq!(told.len(), 6, "then the hub knows that nobody is there");
    let mut levels: HashMap<u64, usize> = HashMap::new();
    for (number, one) in told.iter().enumerate() {
        assert!(one.is_there() && (800..=1_600).contains(&one.reports()[0]));
        levels.insert((one.after.battery_level * 100.0).round() as u64, number);
    }
    assert_eq!((0..6).map(|percent| levels[&percent]).collect::<Vec<_>>(), [5, 4, 3, 2, 1, 0]);
    let last = told.last().unwrap();
    assert!(!last.after.powered);
    assert!(last.words.iter().any(|(_, word)| *word == Word::Reach(Reachability::Unreachable)));
}
