//! What is not about the bolt ends with its hub's word, on the pure step.

use std::time::Duration;

use thumbturn_core::attempt::{Effect, Input, State, Terms, step, wake_at};
use thumbturn_core::attempts::{FailureKind, Outcome};
use thumbturn_core::events::Method;
use thumbturn_core::evidence::{End, Rule};
use thumbturn_core::locks::{Bolt, Unavailable};
use thumbturn_core::memory::Known;
use thumbturn_core::ports::{Answer, NotWritten, Refused};

use crate::attempt_rules::{at, by, fact, moved};
use crate::house::{CONFIRMED, TALKATIVE, failed};

const TERMS_MS: u64 = 30_000;

fn terms() -> Terms {
    Terms { wanted: None, deadline: at(TERMS_MS), traits: TALKATIVE }
}

fn feed(state: State, ms: u64, input: &Input) -> (State, Effect) {
    step(&terms(), state, input, at(ms))
}

/// Sent at 100 ms.
fn sent() -> State {
    let (state, effect) = feed(State::Waiting, 100, &Input::TurnCame);
    assert_eq!(effect, Effect::Write);
    let (state, effect) = feed(state, 100, &Input::Wrote { at: at(100), known: Known::Nothing });
    assert_eq!((state, effect), (State::Sent, Effect::Nothing));
    state
}

fn ends(input: &Input) -> Outcome {
    let (state, effect) = feed(sent(), 200, input);
    assert_eq!(state, State::Ended);
    let Effect::Finish(end) = effect else { panic!("{effect:?}") };
    end.outcome
}

#[test]
fn the_hubs_word_ends_it() {
    assert_eq!(ends(&Input::Answered(Answer::Accepted)), CONFIRMED);
    for (why, kind) in [
        (Refused::UnknownCode, FailureKind::UnknownCode),
        (Refused::TooManyAttempts, FailureKind::TooManyAttempts),
        (Refused::PrivacyMode, FailureKind::PrivacyMode),
    ] {
        assert_eq!(ends(&Input::Answered(Answer::Refused(why))), failed(kind));
    }
}

#[test]
fn the_rule_says_whose_word_it_was() {
    for (input, rule) in [
        (Input::Answered(Answer::Accepted), Rule::HubWord),
        (Input::Answered(Answer::Refused(Refused::UnknownCode)), Rule::Refused),
        (Input::Answered(Answer::NotAcknowledged), Rule::NotAcknowledged),
        (Input::LinkLost, Rule::LinkLost),
        (Input::NotWritten(NotWritten::Unavailable(Unavailable::DeviceRemoved)), Rule::Unavailable),
    ] {
        let (_, effect) = feed(sent(), 200, &input);
        let Effect::Finish(end) = effect else { panic!("{effect:?}") };
        assert_eq!(end.rule, rule, "{input:?}");
    }
}

#[test]
fn without_a_word_nobody_knows() {
    let unknown = failed(FailureKind::OutcomeUnknown);
    assert_eq!(ends(&Input::Answered(Answer::NotAcknowledged)), unknown);
    assert_eq!(ends(&Input::LinkLost), unknown);
    assert_eq!(wake_at(&terms(), &sent()), Some(at(TERMS_MS)));
    assert_eq!(
        feed(sent(), TERMS_MS, &Input::Tick),
        (State::Ended, Effect::Finish(End { outcome: unknown, rule: Rule::Silence }))
    );
}

#[test]
fn what_the_bolt_does_meanwhile_ends_nothing() {
    let bolt = moved(Known::At(Bolt::Locked), Bolt::Unlocked, Some(by(Method::Remote)));
    for input in [fact(150, bolt), Input::ReadFailed, Input::Tick, Input::Unavailable(Unavailable::DeviceDisconnected)]
    {
        assert_eq!(feed(sent(), 200, &input), (State::Sent, Effect::Nothing), "{input:?}");
    }
}

#[test]
fn it_is_never_sent_late_and_never_twice() {
    let by = TERMS_MS - u64::try_from(TALKATIVE.margin.as_millis()).unwrap();
    let expired = Effect::Finish(End { outcome: failed(FailureKind::Expired), rule: Rule::TooLate });
    assert_eq!(feed(State::Waiting, by, &Input::TurnCame), (State::Ended, expired.clone()));
    let (handed, _) = feed(State::Waiting, by - 1, &Input::TurnCame);
    assert_eq!(wake_at(&terms(), &handed), Some(at(0).after(Duration::from_millis(by))));
    assert_eq!(feed(handed, by, &Input::Tick), (State::Ended, expired));
    assert_eq!(feed(sent(), 200, &Input::TurnCame), (State::Sent, Effect::Nothing));
}

#[test]
fn what_the_driver_did_not_send_is_told_as_such() {
    let rejected = Input::NotWritten(NotWritten::Rejected("no such setting".to_owned()));
    let Outcome::Failure(failure) = ends(&rejected) else { panic!("a success") };
    assert_eq!((failure.kind, &*failure.message), (FailureKind::CommandRejected, "no such setting"));
}
