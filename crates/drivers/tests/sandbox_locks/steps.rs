//! The driver step by step: time goes where the test moves it, and nowhere else.

use std::time::Duration;

use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::Signal;
use thumbturn_drivers::sandbox::{MotorState, Pace, Position};

use crate::bench::moment;
use crate::room::{Room, front_door};

#[tokio::test]
async fn each_step_is_the_next_thing_that_happens() {
    let room = Room::new(Pace::Steps, r#"{"latency_ms": 20}"#);
    let (mut talk, _) = room.settle(&[]).await;
    let hubs = room.hubs();
    let physical = || hubs.get(room.account.id, &front_door()).unwrap();
    assert_eq!(hubs.step(room.account.id), None);
    talk.order(1, Bolt::Unlocked, 1_000).await.unwrap();
    room.clock.turn_to(500);
    assert!(talk.hears_nothing(), "the clock does not move the locks");
    assert_eq!(hubs.step(room.account.id), Some(moment(5)));
    assert!(matches!(talk.hear().await, Signal::Answered(.., at, _) if at == moment(500)));
    assert_eq!(physical().motor, MotorState::Moving);
    assert_eq!(hubs.step(room.account.id), Some(moment(20)));
    assert!(matches!(talk.hear().await, Signal::Said(_, report, _) if report.heard == moment(500)));
    assert_eq!(physical().bolt, Position::Unlocked);
    assert_eq!(hubs.step(room.account.id), None);
}

#[tokio::test]
async fn time_can_be_moved_by_a_length_or_to_a_moment() {
    let room = Room::new(Pace::Steps, r#"{"latency_ms": 20}"#);
    let (mut talk, _) = room.settle(&[]).await;
    let hubs = room.hubs();
    talk.order(1, Bolt::Unlocked, 1_000).await.unwrap();
    assert!(hubs.advance_by(room.account.id, Duration::from_millis(4)));
    assert!(talk.hears_nothing());
    assert!(hubs.advance_to(room.account.id, moment(19)));
    assert!(matches!(talk.hear().await, Signal::Answered(..)));
    assert!(talk.hears_nothing());
    assert!(hubs.advance_to(room.account.id, moment(3)), "the past stays where it is");
    assert!(hubs.advance_by(room.account.id, Duration::from_millis(1)));
    assert!(matches!(talk.hear().await, Signal::Said(..)));
}

#[tokio::test]
async fn a_hub_that_runs_by_itself_cannot_be_pushed() {
    let room = Room::new(Pace::Runs, r#"{"latency_ms": 20}"#);
    let (mut talk, _) = room.settle(&[]).await;
    talk.order(1, Bolt::Unlocked, 1_000).await.unwrap();
    assert_eq!(room.hubs().step(room.account.id), None);
    assert!(!room.hubs().advance_to(room.account.id, moment(1_000)));
    assert!(talk.hears_nothing());
}
