//! What must hold at a lock, whatever was killed when.

use std::collections::HashMap;

use thumbturn_locksim::Bolt;

use super::record::{Attempt, End, Record, Time};

/// Attempts accepted within so many milliseconds may have come in either order.
const TOGETHER: Time = 10;
/// How far the clocks of the test and of the server may seem apart, in milliseconds.
const BLUR: Time = 5;

/// What a start finds unfinished has ended so much later: 10 s for the hub, a read, and a busy machine.
const RECOVERED: Time = 20_000;
/// Everything else has ended so long after its acceptance: 30 s, and a busy machine.
const DEADLINE: Time = 40_000;

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
    #[error(
        "the command that came at {0} belongs to no attempt of its life: a second one, or one sent after a restart"
    )]
    CommandOfNobody(Time),
    #[error("the command of {0} came after its end")]
    Late(String),
    #[error("{0} is a confirmed success and no command of it came")]
    Unsent(String),
    #[error("{0} ended as {1:?}, and the bolt was elsewhere all the time")]
    NoBolt(String, End),
    #[error("{0} ended as {1:?}, and the bolt was there all the time")]
    Bolt(String, End),
}

/// Everything that is wrong at a lock whose attempts should all have ended. `told` is what callers know of each.
pub(super) fn judge(record: &Record, told: &HashMap<String, Option<End>>) -> Vec<Broken> {
    let mut broken = Vec::new();
    told_and_kept(record, told, &mut broken);
    let sent = matched(record, &mut broken);
    for attempt in &record.attempts {
        let Some(end) = &attempt.end else {
            broken.push(Broken::Pending(attempt.id.clone()));
            continue;
        };
        let [ended] = attempt.ended[..] else {
            broken.push(Broken::Ends(attempt.id.clone(), attempt.ended.len()));
            continue;
        };
        told_once(record, attempt, end, &mut broken);
        let command = sent.get(&attempt.id).copied();
        if command.is_some_and(|at| at > ended + BLUR) {
            broken.push(Broken::Late(attempt.id.clone()));
        }
        truth(record, attempt, end, command, ended, &mut broken);
    }
    broken
}

fn told_and_kept(record: &Record, told: &HashMap<String, Option<End>>, broken: &mut Vec<Broken>) {
    let kept: HashMap<&str, &Attempt> = record.attempts.iter().map(|attempt| (attempt.id.as_str(), attempt)).collect();
    for (id, end) in told {
        match (kept.get(id.as_str()), end) {
            (None, _) => broken.push(Broken::Lost(id.clone())),
            (Some(attempt), Some(end)) if attempt.end.as_ref() != Some(end) => {
                broken.push(Broken::OtherEnd(id.clone(), end.clone(), attempt.end.clone()));
            }
            _ => {}
        }
    }
    let unasked = record.attempts.iter().filter(|attempt| !told.contains_key(&attempt.id));
    broken.extend(unasked.map(|attempt| Broken::Unasked(attempt.id.clone())));
}

/// When the command of each attempt came. A command names no attempt, but those of one lock are carried out in the
/// order of their arrival: in each life of the server the commands are those of its first attempts, one of each.
fn matched(record: &Record, broken: &mut Vec<Broken>) -> HashMap<String, Time> {
    let mut found = HashMap::new();
    for life in 0..record.lives.len() {
        let attempts = record.attempts.iter().filter(|attempt| record.life_at(attempt.accepted) == life);
        let mut waiting: Vec<&Attempt> =
            attempts.filter(|attempt| !attempt.end.as_ref().is_some_and(End::is_unsent)).collect();
        for (at, to) in record.commands.iter().filter(|(at, _)| record.life_at(*at) == life) {
            let until = waiting.first().map_or(Time::MIN, |first| first.accepted + TOGETHER).min(*at + BLUR);
            let whose = waiting.iter().position(|attempt| attempt.wanted == *to && attempt.accepted <= until);
            match whose {
                Some(whose) => drop(found.insert(waiting.remove(whose).id.clone(), *at)),
                None => broken.push(Broken::CommandOfNobody(*at)),
            }
        }
    }
    found
}

/// A confirmed success is told by one event of the bolt, an unconfirmed one by none.
fn told_once(record: &Record, attempt: &Attempt, end: &End, broken: &mut Vec<Broken>) {
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
}

/// What is said of the bolt is so. Every lock here can be read, so unknown means that it was not there.
fn truth(record: &Record, attempt: &Attempt, end: &End, command: Option<Time>, ended: Time, broken: &mut Vec<Broken>) {
    let since_start = record.lives[record.life_at(ended)].max(attempt.accepted);
    let was_there = |from| record.was_at(attempt.wanted, from, ended);
    match end {
        End::Confirmed => match command {
            None => broken.push(Broken::Unsent(attempt.id.clone())),
            Some(at) if !was_there(at) => broken.push(Broken::NoBolt(attempt.id.clone(), end.clone())),
            Some(_) => {}
        },
        End::Unconfirmed if !was_there(since_start) => broken.push(Broken::NoBolt(attempt.id.clone(), end.clone())),
        End::Unconfirmed => {}
        End::Error(_) if end.is_unsent() => {}
        End::Error(_) => {
            let elsewhere = if attempt.wanted == Bolt::Locked { Bolt::Unlocked } else { Bolt::Locked };
            if !record.was_at(elsewhere, since_start, ended) {
                broken.push(Broken::Bolt(attempt.id.clone(), end.clone()));
            }
        }
    }
}

impl Record {
    /// In which life of the server a moment lies.
    pub(super) fn life_at(&self, time: Time) -> usize {
        self.lives.partition_point(|began| *began <= time).saturating_sub(1)
    }

    /// When an attempt has ended at the latest.
    pub(super) fn ends_by(&self, attempt: &Attempt) -> Time {
        let began = self.lives[self.lives.len() - 1];
        if attempt.accepted < began { began + RECOVERED } else { attempt.accepted + DEADLINE }
    }

    /// How many attempts ended in another life than the one that accepted them.
    pub(super) fn left_over(&self) -> usize {
        let outlived = |attempt: &&Attempt| {
            attempt.ended.first().is_some_and(|ended| self.life_at(*ended) != self.life_at(attempt.accepted))
        };
        self.attempts.iter().filter(outlived).count()
    }

    /// Whether the bolt was there at any time between the two.
    pub(crate) fn was_at(&self, bolt: Bolt, from: Time, to: Time) -> bool {
        let untils = self.bolt.iter().skip(1).map(|(at, _)| *at).chain([Time::MAX]);
        self.bolt
            .iter()
            .zip(untils)
            .any(|((at, there), until)| *there == bolt && *at <= to + BLUR && until >= from - BLUR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [&str; 3] = ["a", "b", "c"];

    fn attempt(id: &str, wanted: Bolt, accepted: Time, end: End, ended: Time) -> Attempt {
        Attempt { id: id.to_owned(), wanted, accepted, end: Some(end), ended: vec![ended], command: None }
    }

    fn unknown() -> End {
        End::Error("outcome_unknown".to_owned())
    }

    /// One unlock that was confirmed; then a lock and an unlock that a kill at 2900 left unfinished, the first of them
    /// sent, and its bolt arrived while the server was down.
    fn story() -> (Record, HashMap<String, Option<End>>) {
        let attempts = vec![
            attempt("a", Bolt::Unlocked, 1000, End::Confirmed, 1500),
            attempt("b", Bolt::Locked, 2000, End::Unconfirmed, 4000),
            attempt("c", Bolt::Unlocked, 2500, unknown(), 4000),
        ];
        let record = Record {
            lives: vec![0, 3500],
            attempts,
            moves_told: vec![("a".to_owned(), Bolt::Unlocked)],
            commands: vec![(1100, Bolt::Unlocked), (2100, Bolt::Locked)],
            bolt: vec![(Time::MIN, Bolt::Locked), (1400, Bolt::Unlocked), (3000, Bolt::Locked)],
        };
        (record, ID.map(|id| (id.to_owned(), None)).into())
    }

    /// The story with one thing changed, judged.
    fn with(change: impl FnOnce(&mut Record, &mut HashMap<String, Option<End>>)) -> Vec<Broken> {
        let (mut record, mut told) = story();
        change(&mut record, &mut told);
        judge(&record, &told)
    }

    #[test]
    fn a_true_story_is_called_true() {
        assert_eq!(with(|_, _| {}), []);
        assert_eq!(story().0.left_over(), 2);
    }

    #[test]
    fn what_is_lost_or_changed_or_unasked_is_found() {
        let lost = with(|_, told| drop(told.insert("d".to_owned(), None)));
        assert_eq!(lost, [Broken::Lost("d".to_owned())]);
        let changed = with(|_, told| drop(told.insert("b".to_owned(), Some(End::Confirmed))));
        assert_eq!(changed, [Broken::OtherEnd("b".to_owned(), End::Confirmed, Some(End::Unconfirmed))]);
        let unasked = with(|_, told| drop(told.remove("c")));
        assert_eq!(unasked, [Broken::Unasked("c".to_owned())]);
    }

    #[test]
    fn what_stays_pending_or_is_told_twice_is_found() {
        assert_eq!(with(|record, _| record.attempts[2].end = None), [Broken::Pending("c".to_owned())]);
        assert_eq!(with(|record, _| record.attempts[2].ended.clear()), [Broken::Ends("c".to_owned(), 0)]);
        assert_eq!(with(|record, _| record.attempts[1].ended.push(4001)), [Broken::Ends("b".to_owned(), 2)]);
        assert_eq!(with(|record, _| record.moves_told.clear()), [Broken::Moves("a".to_owned(), 0)]);
        let told = with(|record, _| record.moves_told.push(("b".to_owned(), Bolt::Locked)));
        assert_eq!(told, [Broken::Moves("b".to_owned(), 1)]);
    }

    #[test]
    fn a_second_command_is_found() {
        let twice = with(|record, _| record.commands.insert(1, (1105, Bolt::Unlocked)));
        assert_eq!(twice, [Broken::CommandOfNobody(1105)]);
        let last_twice = with(|record, _| record.commands.push((2105, Bolt::Locked)));
        assert_eq!(last_twice, [Broken::CommandOfNobody(2105)]);
    }

    #[test]
    fn a_command_after_the_restart_or_the_end_is_found() {
        let again = with(|record, _| record.commands.push((3600, Bolt::Unlocked)));
        assert_eq!(again, [Broken::CommandOfNobody(3600)]);
        assert_eq!(with(|record, _| record.commands[0].0 = 1600), [Broken::Late("a".to_owned())]);
    }

    #[test]
    fn an_answer_that_the_bolt_belies_is_found() {
        let stuck = with(|record, _| record.bolt.truncate(1));
        assert!(stuck.contains(&Broken::NoBolt("a".to_owned(), End::Confirmed)), "{stuck:?}");
        let open = with(|record, _| record.bolt.truncate(2));
        assert_eq!(open, [Broken::NoBolt("b".to_owned(), End::Unconfirmed), Broken::Bolt("c".to_owned(), unknown())]);
        let unsent = with(|record, _| record.commands.truncate(0));
        assert!(unsent.contains(&Broken::Unsent("a".to_owned())), "{unsent:?}");
    }
}
