//! Profiles under the real engine: many commands on locks of each kind, and after each of them the answer is held against
//! where the bolt is.

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::app::TestApp;

/// How many commands each of the five locks gets.
const EACH: usize = 40;

/// How the attempts ended: `confirmed`, `unconfirmed`, or the type of the error.
type Ends = BTreeMap<String, usize>;

/// Locks and unlocks every lock, each as often as `EACH`. The locks have the profile, but less latency.
async fn many(app: &TestApp, profile: &str) -> Ends {
    let all = join_all((0..5).map(async |index| {
        app.set(index, json!({"profile": profile, "latency_ms": 8, "jitter_ms": 6})).await;
        let mut ends = Vec::new();
        for number in 1..=EACH {
            ends.push(one(app, index, number).await);
        }
        ends
    }))
    .await;
    let mut ends = Ends::new();
    for end in all.into_iter().flatten() {
        *ends.entry(end).or_default() += 1;
    }
    println!("{profile}: {ends:?}");
    ends
}

/// The command number `number` of a lock; what is answered must be true.
async fn one(app: &TestApp, index: usize, number: usize) -> String {
    let (path, wanted, other) = match number % 2 {
        1 => ("/locks/unlock_door", "unlocked", "locked"),
        _ => ("/locks/lock_door", "locked", "unlocked"),
    };
    let before = app.physical(index).await;
    let attempt = app.attempt(path, json!({"device_id": app.own.devices[index]})).await;
    let attempt = app.decided(&attempt).await;
    let truth = app.physical(index).await;
    let sent = truth["commands"].as_u64().unwrap() - before["commands"].as_u64().unwrap();
    let end = match (&attempt["result"]["was_confirmed_by_device"], &attempt["error"]["type"]) {
        (Value::Bool(true), _) => "confirmed",
        (Value::Bool(false), _) => "unconfirmed",
        (_, Value::String(kind)) => kind,
        _ => panic!("{attempt:#}"),
    };
    match end {
        "confirmed" => assert_eq!((&truth["bolt"], sent), (&json!(wanted), 1), "lock {index}, {number}"),
        "no_movement" => assert_eq!((&truth["bolt"], sent), (&json!(other), 1), "lock {index}, {number}"),
        "device_disconnected" => assert_eq!((&truth["bolt"], sent), (&before["bolt"], 0), "lock {index}, {number}"),
        _ => assert!(sent <= 1, "lock {index}, {number}"),
    }
    end.to_owned()
}

#[tokio::test]
async fn perfect_locks_always_confirm() {
    let app = TestApp::start().await;
    assert_eq!(many(&app, "perfect").await, Ends::from([("confirmed".to_owned(), 5 * EACH)]));
}

#[tokio::test]
async fn slow_motors_always_confirm_once_the_bolt_is_there() {
    let app = TestApp::start().await;
    assert_eq!(many(&app, "slow_motor").await, Ends::from([("confirmed".to_owned(), 5 * EACH)]));
}

#[tokio::test]
async fn whatever_a_flaky_radio_loses_the_bolt_moved_and_that_is_found_out() {
    let app = TestApp::start().await;
    assert_eq!(many(&app, "flaky_radio").await, Ends::from([("confirmed".to_owned(), 5 * EACH)]));
}

#[tokio::test]
async fn a_liar_is_never_believed() {
    let app = TestApp::start().await;
    let ends = join_all((0..5).map(async |index| {
        app.set(index, json!({"profile": "liar"})).await;
        // To where the bolt is not.
        for _ in 0..4 {
            let attempt = app.decided(&app.unlock(index).await).await;
            assert_eq!(attempt["error"]["type"], "no_movement", "{attempt:#}");
        }
        app.physical(index).await
    }))
    .await;
    for truth in ends {
        assert_eq!((&truth["bolt"], &truth["moves"], &truth["commands"]), (&json!("locked"), &json!(0), &json!(4)));
    }
}

#[tokio::test]
async fn a_dying_battery_confirms_while_it_lasts_and_is_then_known_to_be_dead() {
    let app = TestApp::start().await;
    let ends = many(&app, "dying_battery").await;
    let count = |end: &str| ends.get(end).copied().unwrap_or_default();
    assert_eq!((count("confirmed"), count("device_disconnected")), (5 * 6, 5 * (EACH - 6)), "{ends:?}");
    for index in 0..5 {
        let events = app.events(index).await;
        let low = events.iter().filter(|event| event["event_type"] == "device.low_battery").count();
        assert_eq!(low, 1);
    }
}
