//! What must hold at a lock, whichever node did what.

use std::collections::HashMap;

use thumbturn_locksim::Bolt;

use super::callers::{Known, Told};
use crate::kills::record::{Attempt, End, Record, Time};

/// How far the clocks of test, nodes and database may seem apart, in milliseconds.
const BLUR: Time = 15;
/// The same for the times of stages, which count from an acceptance that two nodes may see differently.
const STAGE_BLUR: Time = 250;
/// No command is written so long after the acceptance.
const DEADLINE: Time = 30_000;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("{0} was acknowledged and is lost")]
    Lost(String),
    #[error("{0} was told to end as {1:?} and is {2:?}")]
    OtherEnd(String, End, Option<End>),
    #[error("nobody asked for {0}, or its key was taken a second time")]
    Unasked(String),
    #[error("{0} is pending for ever")]
    Pending(String),
    #[error("{0} has ended and {1} events say so")]
    Ends(String, usize),
    #[error("{0} is told by {1} events of the bolt")]
    Moves(String, usize),
    #[error("the command that came at {0} belongs to no attempt: a second one, or one after an end or a deadline")]
    CommandOfNobody(Time),
    #[error("{0} is a confirmed success, and the bolt was elsewhere all the time")]
    NoBolt(String),
    #[error("{0} was acknowledged before {1} was asked for, and its command was written later")]
    Order(String, String),
    #[error("the command of {1} was written while {0} was on its way")]
    Together(String, String),
}

/// Everything that is wrong at a lock whose attempts should all have ended. `told` is what callers know of each.
pub(super) fn judge(record: &Record, told: &Told) -> Vec<Broken> {
    let mut broken = Vec::new();
    let kept: HashMap<&str, &Attempt> = record.attempts.iter().map(|attempt| (attempt.id.as_str(), attempt)).collect();
    for (id, Known { end, .. }) in told {
        match (kept.get(id.as_str()), end) {
            (None, _) => broken.push(Broken::Lost(id.clone())),
            (Some(attempt), Some(end)) if attempt.end.as_ref() != Some(end) => {
                broken.push(Broken::OtherEnd(id.clone(), end.clone(), attempt.end.clone()));
            }
            _ => {}
        }
    }
    for attempt in &record.attempts {
        if !told.contains_key(&attempt.id) {
            broken.push(Broken::Unasked(attempt.id.clone()));
        }
        match (&attempt.end, &attempt.ended[..]) {
            (None, _) => broken.push(Broken::Pending(attempt.id.clone())),
            (Some(end), [ended]) => told_truly(record, attempt, end, *ended, &mut broken),
            (Some(_), ended) => broken.push(Broken::Ends(attempt.id.clone(), ended.len())),
        }
    }
    commands_have_owners(record, &mut broken);
    commands_are_in_order(record, told, &mut broken);
    broken
}

/// One command at a time, and what was acknowledged before something else was asked for comes before it.
fn commands_are_in_order(record: &Record, told: &Told, broken: &mut Vec<Broken>) {
    let mut sent: Vec<(&Attempt, (Time, Time))> =
        record.attempts.iter().filter_map(|attempt| Some((attempt, attempt.command?))).collect();
    sent.sort_by_key(|(_, (written, _))| *written);
    for (at, (attempt, (written, over))) in sent.iter().enumerate() {
        for (later, (later_written, _)) in &sent[at + 1..] {
            if later_written + STAGE_BLUR < *over {
                broken.push(Broken::Together(attempt.id.clone(), later.id.clone()));
            }
            let (Some(one), Some(other)) = (told.get(&attempt.id), told.get(&later.id)) else { continue };
            if other.answered < one.asked && written + STAGE_BLUR < *later_written {
                broken.push(Broken::Order(later.id.clone(), attempt.id.clone()));
            }
        }
    }
}

fn told_truly(record: &Record, attempt: &Attempt, end: &End, ended: Time, broken: &mut Vec<Broken>) {
    let of_it = record.moves_told.iter().filter(|(id, _)| *id == attempt.id);
    let (right, wrong): (Vec<_>, Vec<_>) = of_it.partition(|(_, to)| *to == attempt.wanted);
    let is_good = match end {
        End::Confirmed => right.len() == 1,
        End::Unconfirmed => right.is_empty(),
        End::Error(_) => right.len() <= 1,
    };
    if !is_good || !wrong.is_empty() {
        broken.push(Broken::Moves(attempt.id.clone(), right.len() + wrong.len()));
    }
    if *end == End::Confirmed && !record.was_at(attempt.wanted, attempt.accepted - BLUR, ended + BLUR) {
        broken.push(Broken::NoBolt(attempt.id.clone()));
    }
}

/// A command names no attempt, but each must have one of its own: one that wanted it, that was accepted before and had not
/// ended, and whose time was not over. The one that ends first is the one to give it to.
fn commands_have_owners(record: &Record, broken: &mut Vec<Broken>) {
    let until = |attempt: &Attempt| {
        let ended = attempt.ended.first().copied().unwrap_or(Time::MAX);
        ended.min(attempt.accepted + DEADLINE) + BLUR
    };
    let mut free: Vec<&Attempt> =
        record.attempts.iter().filter(|attempt| !attempt.end.as_ref().is_some_and(End::is_unsent)).collect();
    for (at, to) in &record.commands {
        let open =
            |attempt: &&&Attempt| attempt.wanted == *to && attempt.accepted - BLUR <= *at && *at <= until(attempt);
        match free.iter().filter(open).min_by_key(|attempt| until(attempt)).map(|attempt| attempt.id.clone()) {
            Some(owner) => free.retain(|attempt| attempt.id != owner),
            None => broken.push(Broken::CommandOfNobody(*at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(id: &str, wanted: Bolt, accepted: Time, end: End, ended: Time, written: Option<Time>) -> Attempt {
        Attempt {
            id: id.to_owned(),
            wanted,
            accepted,
            end: Some(end),
            ended: vec![ended],
            command: written.map(|written| (written, ended)),
        }
    }

    fn known(asked: Time) -> Known {
        Known { asked, answered: asked + 10, end: None }
    }

    /// Two unlocks through different nodes, both sent, and one that was not.
    fn story() -> (Record, Told) {
        let expired = End::Error("action_attempt_expired".to_owned());
        let attempts = vec![
            attempt("a", Bolt::Unlocked, 1000, End::Confirmed, 1500, Some(1190)),
            attempt("b", Bolt::Unlocked, 1100, End::Error("outcome_unknown".to_owned()), 9000, Some(1590)),
            attempt("c", Bolt::Locked, 1200, expired, 31_000, None),
        ];
        let record = Record {
            lives: vec![0],
            attempts,
            moves_told: vec![("a".to_owned(), Bolt::Unlocked)],
            commands: vec![(1200, Bolt::Unlocked), (1600, Bolt::Unlocked)],
            bolt: vec![(Time::MIN, Bolt::Locked), (1400, Bolt::Unlocked)],
        };
        (record, [("a", 995), ("b", 1095), ("c", 1195)].map(|(id, asked)| (id.to_owned(), known(asked))).into())
    }

    fn with(change: impl FnOnce(&mut Record, &mut Told)) -> Vec<Broken> {
        let (mut record, mut told) = story();
        change(&mut record, &mut told);
        judge(&record, &told)
    }

    #[test]
    fn a_true_story_is_called_true() {
        assert_eq!(with(|_, _| {}), []);
    }

    #[test]
    fn each_broken_promise_is_found() {
        assert_eq!(with(|_, told| drop(told.insert("d".to_owned(), known(1300)))), [Broken::Lost("d".to_owned())]);
        assert_eq!(with(|_, told| drop(told.remove("c"))), [Broken::Unasked("c".to_owned())]);
        assert_eq!(with(|record, _| record.attempts[2].end = None), [Broken::Pending("c".to_owned())]);
        assert_eq!(with(|record, _| record.attempts[1].ended.push(9001)), [Broken::Ends("b".to_owned(), 2)]);
        assert_eq!(with(|record, _| record.moves_told.clear()), [Broken::Moves("a".to_owned(), 0)]);
        assert_eq!(with(|record, _| record.bolt.truncate(1)), [Broken::NoBolt("a".to_owned())]);
        // A second command of one attempt, one of an attempt that was never sent, one after every end.
        let twice = with(|record, _| record.commands.push((1700, Bolt::Unlocked)));
        assert_eq!(twice, [Broken::CommandOfNobody(1700)]);
        let unsent = with(|record, _| record.commands.push((1300, Bolt::Locked)));
        assert_eq!(unsent, [Broken::CommandOfNobody(1300)]);
        let late = with(|record, _| record.commands[1].0 = 9100);
        assert_eq!(late, [Broken::CommandOfNobody(9100)]);
        let together = with(|record, _| record.attempts[0].command = Some((1190, 2000)));
        assert_eq!(together, [Broken::Together("a".to_owned(), "b".to_owned())]);
        let order = with(|_, told| drop(told.insert("a".to_owned(), known(1300))));
        assert_eq!(order, [Broken::Order("b".to_owned(), "a".to_owned())]);
    }
}
