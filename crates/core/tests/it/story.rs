//! One story: every movement is told once, with what moved it, and the state agrees.

use thumbturn_core::attempts::{FailureKind, Outcome};
use thumbturn_core::devices::{BatteryStatus, Editable};
use thumbturn_core::events::{EventKind, Method};
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{Clock, How, Signal};

use crate::house::{CONFIRMED, House, LOCKED, TALKATIVE, TERSE, UNLOCKED};
use crate::hub::{Deed, Word};

#[tokio::test(start_paused = true)]
async fn what_happens_at_the_door_is_told_once_with_its_method() {
    for traits in [TALKATIVE, TERSE] {
        let house = House::with(1, traits).await;
        let rows = [
            (Bolt::Unlocked, Method::Keycode, Some(3)),
            (Bolt::Locked, Method::Automatic, None),
            (Bolt::Unlocked, Method::Manual, None),
            (Bolt::Locked, Method::Remote, None),
            (Bolt::Unlocked, Method::Card, None),
        ];
        for (to, method, slot) in rows {
            house.pass(10_000).await;
            house.hub.moved(0, to, How::Tagged(method, slot)).await;
            house.hub.say(0, thumbturn_core::ports::Said::At(to), How::Untagged).await;
        }
        house.pass(1_000).await;
        let expected: Vec<_> = rows.iter().map(|(to, method, slot)| (*to, *method, None, *slot)).collect();
        assert_eq!(house.moves(0), expected);
        assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Unlocked));
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_and_the_operation_that_caused_it_are_one_event() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
    house.pass(40).await;
    house.hub.say(0, UNLOCKED, How::Tagged(Method::Keycode, Some(3))).await;
    house.pass(1_000).await;
    assert_eq!(house.moves(0), [(Bolt::Unlocked, Method::Keycode, None, Some(3))]);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_comes_late_is_no_second_event() {
    for (traits, gap) in [(TALKATIVE, 400), (TERSE, 1), (TERSE, 400)] {
        let house = House::with(1, traits).await;
        house.hub.moved(0, Bolt::Unlocked, How::Untagged).await;
        house.pass(gap).await;
        house.hub.say(0, UNLOCKED, How::Tagged(Method::Manual, None)).await;
        house.pass(1_000).await;
        assert_eq!(house.moves(0), [(Bolt::Unlocked, Method::Unknown, None, None)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_confirmed_attempt_and_its_reports_are_one_event() {
    for traits in [TALKATIVE, TERSE] {
        let house = House::with(1, traits).await;
        let remote = Word::Tagged(Method::Remote);
        let steps = vec![
            (500, Word::Move),
            (500, Word::Untagged),
            (501, remote.clone()),
            (700, remote.clone()),
            (4_900, Word::Untagged),
            (4_901, remote),
        ];
        house.hub.next(0, Deed::Write(steps));
        let ticket = house.unlock(0).await;
        let id = ticket.attempt.id;
        assert_eq!(house.end(ticket).await, CONFIRMED);
        house.pass(10_000).await;
        assert_eq!(house.moves(0), [(Bolt::Unlocked, Method::Remote, Some(id), None)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_word_that_a_read_bears_out_is_one_event() {
    let house = House::with(1, TERSE).await;
    house.hub.go_away().await;
    house.pass(10).await;
    house.hub.set(|state| state.locks[0].reads = crate::hub::Reads::Never);
    house.hub.come_back();
    house.pass(10_000).await;
    house.hub.set(|state| state.locks[0].reads = crate::hub::Reads::Answer(30));
    house.hub.next(0, Deed::Write(vec![(500, Word::Move), (500, Word::Untagged)]));
    let ticket = house.unlock(0).await;
    let id = ticket.attempt.id;
    assert_eq!(house.timed(ticket).await, (CONFIRMED, 1_030));
    assert_eq!(house.moves(0), [(Bolt::Unlocked, Method::Remote, Some(id), None)]);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_leaves_the_bolt_is_told() {
    let house = House::with(1, TALKATIVE).await;
    house.pass(10_000).await;
    house.hub.say(0, LOCKED, How::Tagged(Method::Keycode, Some(2))).await;
    house.pass(10).await;
    assert_eq!(house.moves(0), [(Bolt::Locked, Method::Keycode, None, Some(2))]);
}

#[tokio::test(start_paused = true)]
async fn a_quick_turn_back_and_forth_is_told_with_its_causes() {
    let house = House::with(1, TALKATIVE).await;
    house.pass(10_000).await;
    for (to, slot) in [(Bolt::Unlocked, 1), (Bolt::Locked, 2), (Bolt::Unlocked, 3), (Bolt::Locked, 4)] {
        house.hub.moved(0, to, How::Tagged(Method::Keycode, Some(slot))).await;
        house.pass(2_500).await;
    }
    let slots: Vec<_> = house.moves(0).into_iter().map(|moved| moved.3.unwrap()).collect();
    assert_eq!(slots, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_confirmed_event_carries_the_time_at_which_it_happened() {
    let house = House::with(1, TALKATIVE).await;
    let begun = house.clock.now().wall;
    house.store.takes(40);
    let ticket = house.unlock(0).await;
    house.end(ticket).await;
    let moved = house.events().into_iter().find(|event| matches!(event.kind, EventKind::LockMoved { .. })).unwrap();
    assert_eq!(moved.occurred_at.duration_since(begun).as_millis(), 540);
    assert_eq!(house.state(0).reported_at, Some(moved.occurred_at));
}

#[tokio::test(start_paused = true)]
async fn a_battery_tells_of_each_change_of_status_once() {
    let house = House::with(1, TALKATIVE).await;
    let tell = async |level| {
        house.hub.signal(Signal::Battery(house.hub.native(0), level)).await;
        house.pass(10).await;
    };
    for level in [0.9, 0.85, 0.5, f64::NAN, 0.24, 0.2, 0.08, 0.07, 0.6, 7.0] {
        tell(level).await;
    }
    let statuses: Vec<_> = house
        .events()
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::DeviceBatteryStatusChanged { status, .. } => Some(status),
            _ => None,
        })
        .collect();
    let expected =
        [BatteryStatus::Good, BatteryStatus::Low, BatteryStatus::Critical, BatteryStatus::Good, BatteryStatus::Full];
    assert_eq!(statuses, expected);
    assert_eq!(house.names().iter().filter(|name| **name == "device.low_battery").count(), 1);
    assert_eq!(house.state(0).battery, Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_code_and_an_open_door_are_told() {
    let house = House::with(1, TALKATIVE).await;
    let at = house.clock.now();
    house.hub.signal(Signal::Denied(house.hub.native(0), Some("unknown_code"), at)).await;
    house.hub.signal(Signal::Door(house.hub.native(0), true)).await;
    house.pass(10).await;
    assert_eq!(house.names().iter().filter(|name| **name == "lock.access_denied").count(), 1);
    assert_eq!(house.state(0).door_open, Some(true));
}

#[tokio::test(start_paused = true)]
async fn an_unmanaged_device_keeps_its_state_and_raises_no_lock_events() {
    let house = House::with(1, TALKATIVE).await;
    let device = house.device(0);
    let edit = Editable { nickname: None, custom_metadata: "{}".to_owned(), is_managed: false };
    house.engine.edit_device(&device, edit).await.unwrap();
    house.hub.moved(0, Bolt::Unlocked, How::Tagged(Method::Manual, None)).await;
    house.pass(10).await;
    assert_eq!(house.moves(0), []);
    assert_eq!(house.state(0).shown_bolt(), Some(Bolt::Unlocked));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_device_that_becomes_unmanaged_is_not_sent() {
    let house = House::with(1, TALKATIVE).await;
    house.hub.next(0, Deed::Write(vec![(3_000, Word::Move), (3_000, Word::Tagged(Method::Remote))]));
    let running = house.unlock(0).await;
    let waiting = [house.lock(0).await, house.unlock(0).await];
    house.pass(500).await;
    let edit = Editable { nickname: None, custom_metadata: "{}".to_owned(), is_managed: false };
    house.engine.edit_device(&house.device(0), edit).await.unwrap();
    for ticket in waiting {
        let (outcome, after) = house.timed(ticket).await;
        assert!(matches!(&outcome, Outcome::Failure(why) if why.kind == FailureKind::CommandRejected), "{outcome:?}");
        assert_eq!(after, 0);
    }
    assert_eq!(house.end(running).await, CONFIRMED);
    assert_eq!(house.hub.wrote().len(), 1);
}
