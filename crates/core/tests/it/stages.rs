//! What is kept of an attempt: its stages, the rule that ended it, and the words that decided. A case for each row of
//! "How an attempt ends". What holds for the evidence of every attempt is checked by the store of these tests.

use std::time::Duration;

use thumbturn_core::attempts::{FailureKind, Outcome};
use thumbturn_core::devices::Editable;
use thumbturn_core::events::Method;
use thumbturn_core::evidence::{Evidence, Manner, Rule, Step, Words};
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::{Action, Bolt, Reachability, Traits, Unavailable};
use thumbturn_core::ports::{How, NotWritten, Refused, Said};

use crate::attempt_rules::{ASSUMED, UNREADABLE};
use crate::house::{CONFIRMED, House, LOCKED, TALKATIVE, TERSE, UNCONFIRMED, UNLOCKED, account, failed};
use crate::hub::{Deed, Hub, Reads, Word, obeys, words};

const REMOTE: Manner = Manner::Tagged(Method::Remote, None);

fn evidence(house: &House, attempt: AttemptId) -> Evidence {
    house.store.look(|rows| rows.evidence[&attempt].clone())
}

/// The stages with their milliseconds.
fn stages(evidence: &Evidence) -> Vec<(u128, Step)> {
    evidence.stages.iter().map(|stage| (stage.after.as_millis(), stage.step)).collect()
}

const fn reported(said: Said, manner: Manner) -> Step {
    Step::Reported { said, manner }
}

/// What is kept of an unlock that meets `deed`.
async fn kept(traits: Traits, deed: Deed) -> (Outcome, Evidence) {
    let house = House::with(1, traits).await;
    house.hub.next(0, deed);
    kept_of_unlock(&house).await
}

async fn kept_of_unlock(house: &House) -> (Outcome, Evidence) {
    let ticket = house.unlock(0).await;
    let id = ticket.attempt.id;
    let outcome = house.end(ticket).await;
    (outcome, evidence(house, id))
}

/// By which rule an unlock ends that meets `deed`, and in whose words.
async fn decided(traits: Traits, deed: Deed) -> (Outcome, Rule, Option<Words>) {
    let (outcome, evidence) = kept(traits, deed).await;
    (outcome, evidence.rule().unwrap(), evidence.words)
}

#[tokio::test(start_paused = true)]
async fn every_stage_of_an_unlock_is_kept_with_its_time() {
    let (outcome, evidence) = kept(TALKATIVE, Deed::Write(obeys())).await;
    assert_eq!(outcome, CONFIRMED);
    let expected = [
        (0, Step::TurnCame),
        (0, Step::Written),
        (20, Step::Acknowledged),
        (500, reported(UNLOCKED, REMOTE)),
        (500, Step::Ended(Rule::ReportedRemote)),
    ];
    assert_eq!(stages(&evidence), expected);
    assert_eq!(evidence.words, Some(words(UNLOCKED)));
    assert_eq!(evidence.left_out, 0);
}

#[tokio::test(start_paused = true)]
async fn what_decided_is_kept_for_every_way_of_success() {
    let unlocked = || Some(words(UNLOCKED));
    let change = vec![(20, Word::Ack), (500, Word::Move), (500, Word::Untagged)];
    let row = decided(TERSE, Deed::Write(change.clone())).await;
    assert_eq!(row, (CONFIRMED, Rule::ReportedChange, unlocked()));
    let silent = vec![(20, Word::Ack), (900, Word::Move)];
    let row = decided(TALKATIVE, Deed::Write(silent)).await;
    assert_eq!(row, (CONFIRMED, Rule::ReadBack, unlocked()));
    let row = decided(ASSUMED, Deed::Write(vec![(30, Word::Ack)])).await;
    assert_eq!(row, (UNCONFIRMED, Rule::AcceptedCannotReport, Some(Words::fixed("answer"))));
    let row = decided(UNREADABLE, Deed::Write(change)).await;
    assert_eq!(row, (UNCONFIRMED, Rule::FirstWord, unlocked()));
    let by_hand = vec![(20, Word::Ack), (500, Word::Hand)];
    let row = decided(TALKATIVE, Deed::Write(by_hand)).await;
    assert_eq!(row, (UNCONFIRMED, Rule::MovedByOther, unlocked()));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_waits_for_its_cause_is_kept_when_it_was_heard() {
    let (_, evidence) = kept(TALKATIVE, Deed::Write(vec![(500, Word::Move), (500, Word::Untagged)])).await;
    let [.., report, end] = &stages(&evidence)[..] else { panic!() };
    assert_eq!(*report, (500, reported(UNLOCKED, Manner::Untagged)));
    assert_eq!(*end, (600, Step::Ended(Rule::ReportedChange)));
    assert_eq!(evidence.words, Some(words(UNLOCKED)));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_already_was_there_tells_so() {
    let house = House::with(1, UNREADABLE).await;
    house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
    house.pass(10_000).await;
    house.hub.next(0, Deed::Write(vec![(20, Word::Ack)]));
    let (outcome, evidence) = kept_of_unlock(&house).await;
    assert_eq!((outcome, evidence.rule()), (UNCONFIRMED, Some(Rule::AcceptedAlreadyThere)));
    assert_eq!(evidence.words, Some(Words::fixed("answer")));
}

#[tokio::test(start_paused = true)]
async fn a_report_that_may_be_an_old_one_is_named_so() {
    let house = House::with(1, UNREADABLE).await;
    // The lock has just told of both positions, so the next word may be an old one said again.
    for bolt in [Bolt::Locked, Bolt::Unlocked, Bolt::Locked] {
        house.hub.moved(0, bolt, How::Untagged).await;
        house.pass(1_000).await;
    }
    house.hub.next(0, Deed::Write(vec![(20, Word::Ack), (500, Word::Move), (500, Word::Untagged)]));
    let (outcome, evidence) = kept_of_unlock(&house).await;
    assert_eq!((outcome, evidence.rule()), (UNCONFIRMED, Some(Rule::AcceptedPerhapsThere)));
    assert_eq!(evidence.words, Some(words(UNLOCKED)));
}

#[tokio::test(start_paused = true)]
async fn what_the_lock_or_its_hub_refused_is_kept_in_its_words() {
    let answer = || Some(Words::fixed("answer"));
    let row = decided(TALKATIVE, Deed::Write(vec![(9, Word::Refuse(Refused::PrivacyMode))])).await;
    assert_eq!(row, (failed(FailureKind::PrivacyMode), Rule::Refused, answer()));
    let row = decided(TALKATIVE, Deed::Write(vec![(9, Word::Jam)])).await;
    assert_eq!(row, (failed(FailureKind::LockJammed), Rule::JamReported, Some(words(Said::Jammed))));
    let row = decided(TALKATIVE, Deed::Write(vec![(9, Word::Obstruct)])).await;
    assert_eq!(row, (failed(FailureKind::BoltObstructed), Rule::ObstructionReported, Some(words(Said::Obstructed))));
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_without_movement_keeps_the_read_that_shows_it() {
    let (outcome, evidence) = kept(TALKATIVE, Deed::Write(vec![(20, Word::Ack)])).await;
    assert_eq!(outcome, failed(FailureKind::NoMovement));
    let expected = [
        (0, Step::TurnCame),
        (0, Step::Written),
        (20, Step::Acknowledged),
        (5_020, Step::ReadAsked),
        (5_050, reported(LOCKED, Manner::Read)),
        (5_050, Step::Ended(Rule::AcceptedNotMoved)),
    ];
    assert_eq!(stages(&evidence), expected);
    assert_eq!(evidence.words, Some(words(LOCKED)));
}

#[tokio::test(start_paused = true)]
async fn not_acknowledged_is_kept_with_the_read_after_it() {
    let unknown = || failed(FailureKind::OutcomeUnknown);
    let row = decided(TALKATIVE, Deed::Write(vec![(300, Word::NotAck)])).await;
    assert_eq!(row, (unknown(), Rule::NotAcknowledgedNotMoved, Some(words(LOCKED))));
    let house = House::with(1, TALKATIVE).await;
    house.hub.set(|state| state.locks[0].reads = Reads::Fail);
    house.hub.next(0, Deed::Write(vec![(300, Word::NotAck)]));
    let (outcome, evidence) = kept_of_unlock(&house).await;
    assert_eq!((outcome, evidence.rule()), (unknown(), Some(Rule::NotAcknowledgedNotRead)));
    let steps: Vec<Step> = evidence.stages.iter().map(|stage| stage.step).collect();
    assert!(steps.ends_with(&[Step::ReadAsked, Step::ReadFailed, Step::Ended(Rule::NotAcknowledgedNotRead)]));
}

#[tokio::test(start_paused = true)]
async fn silence_has_no_words_whatever_was_said_before() {
    let (outcome, evidence) = kept(ASSUMED, Deed::Write(vec![(40, Word::Assumed)])).await;
    assert_eq!(outcome, failed(FailureKind::OutcomeUnknown));
    let expected = [
        (0, Step::TurnCame),
        (0, Step::Written),
        (40, reported(UNLOCKED, Manner::Assumed)),
        (30_000, Step::Ended(Rule::Silence)),
    ];
    assert_eq!(stages(&evidence), expected);
    assert_eq!(evidence.words, None);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_and_its_return_are_stages() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![(100, Word::Move), (200, Word::Lost)]));
    let (outcome, evidence) = kept_of_unlock(&house).await;
    assert_eq!((outcome, evidence.rule()), (CONFIRMED, Some(Rule::ReadBack)));
    let steps: Vec<Step> = evidence.stages.iter().map(|stage| stage.step).collect();
    assert_eq!(steps[..4], [Step::TurnCame, Step::Written, Step::LinkLost, Step::LinkBack]);
    assert!(steps.contains(&Step::ReadAsked), "{steps:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_never_written_has_no_such_stage() {
    let rows = [
        (NotWritten::TooLate, Rule::TooLate),
        (NotWritten::Unavailable(Unavailable::DeviceDisconnected), Rule::Unavailable),
        (NotWritten::Rejected("full".to_owned()), Rule::NotHandedOver),
    ];
    for (why, rule) in rows {
        let (_, evidence) = kept(TALKATIVE, Deed::NotWritten(why)).await;
        assert_eq!(stages(&evidence), [(0, Step::TurnCame), (0, Step::Ended(rule))]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_ends_in_the_queue_never_had_its_turn() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Hang);
    let first = house.unlock(0).await;
    house.pass(1_000).await;
    let second = house.lock(0).await;
    let id = second.attempt.id;
    house.hub.reach(0, Reachability::Unreachable).await;
    house.end(second).await;
    assert_eq!(stages(&evidence(&house, id)), [(0, Step::Ended(Rule::Unavailable))]);
    house.end(first).await;
}

#[tokio::test(start_paused = true)]
async fn a_device_that_became_unmanaged_is_named_as_the_reason() {
    let house = House::with(1, TALKATIVE).await;
    let first = house.unlock(0).await;
    let second = house.lock(0).await;
    let id = second.attempt.id;
    let device = house.device(0);
    let after = Editable { is_managed: false, ..device.editable() };
    house.engine.edit_device(&device, after).await.unwrap();
    house.end(first).await;
    house.end(second).await;
    assert_eq!(evidence(&house, id).rule(), Some(Rule::Unmanaged));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_deleted_is_named_as_the_reason() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let running = house.unlock(0).await;
    let queued = house.lock(0).await;
    let ids = [running.attempt.id, queued.attempt.id];
    house.pass(100).await;
    house.engine.remove_account(&account(0)).await.unwrap();
    for id in ids {
        assert_eq!(evidence(&house, id).rule(), Some(Rule::Deleted));
    }
}

/// What is kept of an unlock that was written when the server was killed, and of a lock that waited behind it.
async fn after_restart(while_down: impl FnOnce(&Hub)) -> [Evidence; 2] {
    let mut house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![]));
    let first = house.unlock(0).await.attempt.id;
    let second = house.begin(0, Action::LockDoor).await.unwrap().attempt.id;
    house.pass(300).await;
    house.killed(while_down).await;
    house.pass(15_000).await;
    [first, second].map(|id| evidence(&house, id))
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_read_is_the_evidence() {
    let [moved, other] = after_restart(|hub| hub.set(|state| state.locks[0].said = UNLOCKED)).await;
    let steps: Vec<Step> = moved.stages.iter().map(|stage| stage.step).collect();
    let expected = [
        Step::Restarted,
        Step::LinkBack,
        Step::ReadAsked,
        reported(UNLOCKED, Manner::Read),
        Step::Ended(Rule::RestartRead),
    ];
    assert_eq!(steps, expected);
    assert!(moved.stages[0].after >= Duration::from_millis(300), "counted from the acceptance");
    assert_eq!(moved.words, Some(words(UNLOCKED)));
    assert_eq!(other.rule(), Some(Rule::RestartUnknown));
    assert_eq!(other.words, Some(words(UNLOCKED)), "the same read says that it is not where this one wanted it");
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_a_read_that_fails_is_kept_too() {
    for evidence in after_restart(|hub| hub.set(|state| state.locks[0].reads = Reads::Fail)).await {
        let steps: Vec<Step> = evidence.stages.iter().map(|stage| stage.step).collect();
        assert!(steps.ends_with(&[Step::ReadAsked, Step::ReadFailed, Step::Ended(Rule::RestartUnknown)]), "{steps:?}");
        assert_eq!(evidence.words, None);
    }
}
