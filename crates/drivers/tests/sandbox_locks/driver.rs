//! The driver as the engine meets it, running by itself.

use std::time::{Duration, Instant};

use thumbturn_core::commands::{AutoLock, Command, Simulation};
use thumbturn_core::devices::{DeviceState, OfflineBecause, Reach};
use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::{Bolt, Reachability, Unavailable};
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::{Answer, ConnectError, Driver, Gate, How, NotWritten, Order, ReadId, Report, Said, Signal};
use thumbturn_drivers::sandbox::{Act, FaultsPatch, Pace, Patch, Position, SandboxError, fixture};

use crate::bench::{REMOTE, UNLOCKED, attempt, moment};
use crate::room::{Room, device, front_door};

fn report(signal: &Signal) -> Report {
    let Signal::Said(_, report, _) = signal else { panic!("no report: {signal:?}") };
    *report
}

#[tokio::test]
async fn a_hub_describes_each_lock_and_then_says_so() {
    let room = Room::new(Pace::Runs, r#"{"locks": 2}"#);
    let (mut talk, greeting) = room.settle(&[]).await;
    let Signal::Discovered { about, traits } = &greeting[0] else { panic!("{greeting:?}") };
    assert_eq!((about.native.as_str(), about.device_type.as_str()), ("front_door", "august_lock"));
    assert!(traits.reports && traits.readable && traits.tags && traits.margin.is_zero());
    assert!(matches!(&greeting[1], Signal::Reach(_, Reachability::Reachable)));
    assert!(matches!(&greeting[2], Signal::Battery(_, level) if (level - 1.0).abs() < f64::EPSILON));
    assert_eq!((report(&greeting[3]).said, report(&greeting[3]).how), (Said::At(Bolt::Locked), How::Remembered));
    assert!(matches!(&greeting[4], Signal::AutoLock(_, AutoLock::Off)));
    assert!(matches!(&greeting[5], Signal::SubscriptionEnded(_, false)));
    assert_eq!(greeting.len(), 12);
    assert!(talk.hears_nothing());
}

#[tokio::test]
async fn it_runs_by_itself_on_its_clock() {
    let room = Room::new(Pace::Runs, r#"{"latency_ms": 20}"#);
    let (mut talk, _) = room.settle(&[]).await;
    talk.order(1, Bolt::Unlocked, 1_000).await.unwrap();
    assert!(talk.hears_nothing());
    room.clock.turn_to(5);
    assert!(matches!(talk.hear().await, Signal::Answered(_, named, Answer::Accepted, at, _)
        if named == attempt(1) && at == moment(5)));
    room.clock.turn_to(21);
    let heard = report(&talk.hear().await);
    assert_eq!((heard.said, heard.how, heard.sequence, heard.heard), (UNLOCKED, REMOTE, Some(1), moment(21)));
    talk.ask(9).await.unwrap();
    room.clock.turn_to(40);
    assert_eq!(report(&talk.hear().await).how, How::Read(ReadId(9)));
}

#[tokio::test]
async fn a_closed_gate_lets_nothing_through() {
    let room = Room::new(Pace::Runs, r#"{"latency_ms": 0}"#);
    let (mut talk, _) = room.settle(&[]).await;
    room.clock.turn_to(1_000);
    assert_eq!(talk.order(1, Bolt::Unlocked, 1_000).await, Err(NotWritten::TooLate));
    assert!(talk.hears_nothing());
    assert_eq!(room.hubs().get(room.account.id, &front_door()).unwrap().commands, 0);
}

#[tokio::test]
async fn a_lock_without_power_is_not_written_to() {
    let room = Room::new(Pace::Runs, r#"{"latency_ms": 0}"#);
    let (mut talk, _) = room.settle(&[]).await;
    room.hubs().act(room.account.id, &front_door(), &Act::PowerOff).unwrap();
    assert!(matches!(talk.hear().await, Signal::Reach(_, Reachability::Unreachable)));
    let unavailable = NotWritten::Unavailable(Unavailable::DeviceDisconnected);
    assert_eq!(talk.order(1, Bolt::Unlocked, 1_000).await, Err(unavailable.clone()));
    assert_eq!(talk.ask(1).await, Err(unavailable));
}

#[tokio::test]
async fn a_slow_listener_gets_every_signal_in_order() {
    let room = Room::new(Pace::Runs, r#"{"latency_ms": 0}"#);
    let mut talk = room.connect(&[], 1).await.unwrap();
    while !matches!(talk.hear().await, Signal::Synced) {}
    for number in 0..500 {
        let wanted = if number % 2 == 0 { Bolt::Unlocked } else { Bolt::Locked };
        talk.order(number, wanted, 1_000).await.unwrap();
    }
    for number in 0..500 {
        assert!(matches!(talk.hear().await, Signal::Answered(_, named, ..) if named == attempt(number)));
        assert_eq!(report(&talk.hear().await).sequence, Some(number + 1));
    }
}

#[tokio::test]
async fn a_listener_that_never_comes_back_is_answered_with_a_full_queue() {
    let room = Room::new(Pace::Runs, r#"{"latency_ms": 0}"#);
    let talk = room.connect(&[], 1).await.unwrap();
    let mut taken = 0;
    let refused = loop {
        match talk.order(taken, Bolt::Unlocked, 1_000).await {
            Ok(()) => taken += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, NotWritten::Rejected(_)), "{refused:?}");
    assert_eq!(room.hubs().act(room.account.id, &front_door(), &Act::PowerOff), Err(SandboxError::Busy));
    let physical = room.hubs().get(room.account.id, &front_door()).unwrap();
    assert_eq!(physical.commands, taken);
}

/// A slow listener must not take a refused login for a lost connection.
#[tokio::test]
async fn a_refused_login_is_told_behind_what_still_waits() {
    let room = Room::new(Pace::Runs, r#"{"latency_ms": 0}"#);
    let mut talk = room.connect(&[], 1).await.unwrap();
    while !matches!(talk.hear().await, Signal::Synced) {}
    for number in 0..5 {
        talk.order(number, Bolt::Unlocked, 1_000).await.unwrap();
    }
    assert!(room.hubs().refuse(room.account.id));
    let refused = NotWritten::Unavailable(Unavailable::AccountDisconnected);
    assert_eq!(talk.order(5, Bolt::Locked, 1_000).await, Err(refused));
    let mut answered = 0;
    let last = loop {
        match talk.hear().await {
            Signal::Lost(why) => break why,
            Signal::Answered(..) => answered += 1,
            _ => {}
        }
    };
    assert!(matches!(last, ConnectError::CredentialsRefused(_)), "{last:?}");
    assert_eq!(answered, 5, "what the hub had said was heard");
    let again = room.connect(&[], 1).await.err();
    assert!(matches!(again, Some(ConnectError::CredentialsRefused(_))), "{again:?}");
}

#[tokio::test]
async fn doors_stay_where_they_are_between_sessions() {
    let room = Room::new(Pace::Runs, r#"{"latency_ms": 0}"#);
    let (first, _) = room.settle(&[]).await;
    first.order(1, Bolt::Unlocked, 1_000).await.unwrap();
    let (second, greeting) = room.settle(&[]).await;
    assert_eq!(report(&greeting[3]).said, UNLOCKED);
    let down = NotWritten::Unavailable(Unavailable::HubDisconnected);
    assert_eq!(first.order(2, Bolt::Locked, 1_000).await, Err(down.clone()));
    drop(first);
    second.order(3, Bolt::Locked, 1_000).await.unwrap();
    let physical = room.hubs().get(room.account.id, &front_door()).unwrap();
    assert_eq!((physical.moves, physical.reports), (2, 2));
}

#[tokio::test]
async fn a_dropped_link_ends_its_session() {
    let room = Room::new(Pace::Runs, "{}");
    let (mut talk, _) = room.settle(&[]).await;
    let mut signals = std::mem::replace(&mut talk.signals, tokio::sync::mpsc::channel(1).1);
    drop(talk);
    assert!(signals.recv().await.is_none());
}

#[tokio::test]
async fn a_forgotten_hub_hangs_up() {
    let room = Room::new(Pace::Runs, "{}");
    let (mut talk, _) = room.settle(&[]).await;
    room.hubs().forget(room.account.id);
    assert!(talk.signals.recv().await.is_none());
    assert_eq!(room.hubs().get(room.account.id, &front_door()), None);
}

#[tokio::test]
async fn after_a_restart_locks_stand_where_they_last_told() {
    let room = Room::new(Pace::Runs, r#"{"locks": 3}"#);
    let since = moment(0).wall;
    let offline = Reach::Offline { because: OfflineBecause::DeviceDisconnected, since };
    let known = [
        device(0, DeviceState { bolt: Some(Bolt::Unlocked), battery: Some(0.5), ..DeviceState::default() }),
        device(1, DeviceState { jammed_since: Some(since), ..DeviceState::default() }),
        device(2, DeviceState { reach: offline, ..DeviceState::default() }),
    ];
    let (_talk, greeting) = room.settle(&known).await;
    let physical = |number| room.hubs().get(room.account.id, &fixture(number).native).unwrap();
    assert_eq!((physical(0).bolt, physical(1).bolt), (Position::Unlocked, Position::Jammed));
    assert!(physical(2).powered && !physical(2).heard, "it works alone");
    let last = fixture(2).native;
    let is_away =
        |signal: &Signal| matches!(signal, Signal::Reach(native, Reachability::Unreachable) if *native == last);
    assert!(greeting.iter().any(is_away));
}

#[tokio::test]
async fn a_smaller_hub_says_which_locks_are_gone() {
    let mut room = Room::new(Pace::Runs, r#"{"locks": 2}"#);
    let known = [device(0, DeviceState::default()), device(3, DeviceState::default())];
    let (talk, greeting) = room.settle(&known).await;
    assert!(matches!(&greeting[0], Signal::Gone(native) if *native == fixture(3).native));
    drop(talk);
    room.account.config = r#"{"locks": 4}"#.to_owned();
    let (_talk, greeting) = room.settle(&known).await;
    assert_eq!(greeting.len(), 24);
}

#[tokio::test]
async fn a_config_that_cannot_work_is_told_as_such() {
    let room = Room::new(Pace::Runs, r#"{"locks": 0}"#);
    let refused = room.connect(&[], 1).await.err();
    assert!(matches!(&refused, Some(ConnectError::BadConfig(text)) if text.starts_with("locks")), "{refused:?}");
}

#[tokio::test]
async fn a_changed_latency_is_described_to_the_engine() {
    let room = Room::new(Pace::Runs, "{}");
    let (mut talk, _) = room.settle(&[]).await;
    let patch = Patch { latency_ms: Some(500), battery_level: Some(0.2), ..Patch::default() };
    let physical = room.hubs().set(room.account.id, &front_door(), &patch).unwrap();
    assert_eq!(physical.settings.latency_ms, 500);
    assert!(matches!(talk.hear().await, Signal::Discovered { traits, .. }
        if traits.settle == Duration::from_millis(1_500)));
    assert!(matches!(talk.hear().await, Signal::Battery(..)));
}

#[tokio::test]
async fn a_wrong_pin_is_told_to_the_engine() {
    let room = Room::new(Pace::Runs, "{}");
    let (mut talk, _) = room.settle(&[]).await;
    let wrong = Act::Keypad(Pin::new("0000").unwrap());
    room.hubs().act(room.account.id, &front_door(), &wrong).unwrap();
    assert!(matches!(talk.hear().await, Signal::Denied(_, Some("unknown_code"), _)));
}

#[tokio::test]
async fn what_does_not_exist_cannot_be_touched() {
    let room = Room::new(Pace::Runs, "{}");
    let hubs = room.hubs();
    let nowhere = NativeId("nowhere".to_owned());
    assert_eq!(hubs.act(room.account.id, &front_door(), &Act::PowerOff), Err(SandboxError::UnknownLock));
    let (talk, _) = room.settle(&[]).await;
    assert_eq!(hubs.get(room.account.id, &nowhere), None);
    assert_eq!(hubs.set(room.account.id, &nowhere, &Patch::default()), Err(SandboxError::UnknownLock));
    let pin = Act::Keypad(Pin::new("1234").unwrap());
    assert_eq!(hubs.act(room.account.id, &fixture(4).native, &pin), Err(SandboxError::NoKeypad));
    let order = Order { attempt: attempt(1), lock: nowhere, command: Bolt::Locked.into() };
    let removed = NotWritten::Unavailable(Unavailable::DeviceRemoved);
    assert_eq!(talk.link.carry_out(order, Gate::new(room.clock.as_ref(), moment(1))).await, Err(removed));
}

#[tokio::test]
async fn a_cheap_radio_carries_many_commands() {
    const COMMANDS: u64 = 50_000;
    let room = Room::new(Pace::Runs, r#"{"locks": 1000, "latency_ms": 0}"#);
    let (mut talk, _) = room.settle(&[]).await;
    let natives: Vec<NativeId> = (0..1_000).map(|number| fixture(number).native).collect();
    let start = Instant::now();
    for (_, native) in (0..COMMANDS).zip(natives.iter().cycle()) {
        let order = Order { attempt: attempt(1), lock: native.clone(), command: Bolt::Unlocked.into() };
        talk.link.carry_out(order, Gate::new(room.clock.as_ref(), moment(1))).await.unwrap();
        assert!(matches!(talk.signals.recv().await, Some(Signal::Answered(..))));
        assert!(matches!(talk.signals.recv().await, Some(Signal::Said(..))));
    }
    let per_second = u128::from(COMMANDS) * 1_000_000 / start.elapsed().as_micros().max(1);
    println!("{per_second} commands per second through the driver");
    assert_eq!(room.driver.resync_pace(), Duration::ZERO);
}

#[tokio::test]
async fn a_busy_hub_takes_up_a_command_later_and_perhaps_too_late() {
    let room = Room::new(Pace::Runs, r#"{"latency_ms": 0}"#);
    let (mut talk, _) = room.settle(&[]).await;
    let faults = FaultsPatch { busy_ms: Some(500), ..FaultsPatch::default() };
    room.hubs().set(room.account.id, &front_door(), &Patch { faults, ..Patch::default() }).unwrap();
    let commands = || room.hubs().get(room.account.id, &front_door()).unwrap().commands;
    for (number, closes, outcome, arrived) in [(1, 501, Ok(()), 1), (2, 1_000, Err(NotWritten::TooLate), 1)] {
        let start = 500 * (number - 1);
        room.clock.turn_to(start);
        let before = commands();
        let waits = async {
            room.clock.turn_to(start + 499);
            tokio::task::yield_now().await;
            assert_eq!(commands(), before);
            room.clock.turn_to(start + 500);
        };
        let (written, ()) = tokio::join!(talk.order(number, Bolt::Unlocked, closes), waits);
        assert_eq!((written, commands()), (outcome, arrived));
    }
    while !talk.hears_nothing() {}
    // What is done at the keypad does not pass through the hub.
    let wrong = Command::Simulate(Simulation::TypeCode(Pin::new("0000").unwrap()));
    let typed = Order { attempt: attempt(3), lock: front_door(), command: wrong };
    talk.link.carry_out(typed, Gate::new(room.clock.as_ref(), moment(9_999))).await.unwrap();
    assert!(matches!(talk.hear().await, Signal::Denied(..)));
}

#[tokio::test]
async fn a_hub_that_restarts_is_lost_and_can_be_connected_to_again() {
    let room = Room::new(Pace::Runs, r#"{"latency_ms": 20}"#);
    let (mut talk, _) = room.settle(&[]).await;
    talk.order(1, Bolt::Unlocked, 1_000).await.unwrap();
    assert!(room.hubs().restart(room.account.id));
    assert!(matches!(talk.hear().await, Signal::Lost(ConnectError::Unreachable(_))));
    drop(talk);
    room.clock.turn_to(50);
    let (talk, greeting) = room.settle(&[]).await;
    assert_eq!(report(&greeting[3]).how, How::Remembered, "what it said meanwhile was heard by nobody");
    let truth = room.hubs().get(room.account.id, &front_door()).unwrap();
    assert_eq!((truth.bolt, truth.commands), (Position::Unlocked, 1), "the lock knows nothing of it");
    drop(talk);
    assert!(!room.hubs().restart(thumbturn_core::ids::AccountId(Default::default())), "no such hub");
}
