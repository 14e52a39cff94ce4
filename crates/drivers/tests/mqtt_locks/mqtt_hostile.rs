//! Announcements that a broker would hang up on.

use serde_json::{Value, json};
use thumbturn_core::accounts::LinkState;
use thumbturn_core::locks::Bolt;
use thumbturn_locksim::{LockSpec, MosquittoConfig, SimConfig, Style, Watch, wait_until};

use crate::house::{CONFIRMED, House, SOON};

/// The one honest lock of these houses.
const LOCK: &str = "EspHome";

fn one_lock() -> SimConfig {
    SimConfig::home_assistant(1).locks([LockSpec::new(LOCK).style(Style::EspHome)])
}

/// A house with one lock that is there, and somebody who publishes what they like.
async fn house(broker: MosquittoConfig) -> (House, Watch, String) {
    let house = House::build(broker, one_lock(), &json!({})).await;
    wait_until("the lock", SOON, || house.shelf.devices().len() == 1).await.unwrap();
    let name = house.shelf.devices()[0].about.name.clone();
    house.until("online", &name, |state| state.reach.is_online()).await;
    let watch = Watch::start(house.broker.broker(), &["x"]).await.unwrap();
    (house, watch, name)
}

fn announce(watch: &Watch, id: &str, config: &Value) {
    watch.publish_retained(&format!("homeassistant/lock/{id}/config"), config.to_string());
}

async fn appears(house: &House, name: &str) {
    let there = || house.shelf.devices().iter().any(|device| device.about.name == name);
    wait_until(name, SOON, there).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_announcement_takes_the_broker_away_from_the_others() {
    let (mut house, watch, name) = house(MosquittoConfig::default()).await;
    let topics = [
        "x/\u{1}".to_owned(),
        "x/\u{7f}".to_owned(),
        "x/\u{9f}".to_owned(),
        "x/\u{ffff}".to_owned(),
        "x/\u{fdd0}".to_owned(),
        "$share/x".to_owned(),
        vec!["x"; 300].join("/"),
        "x".repeat(65_000),
    ];
    for (n, topic) in topics.iter().enumerate() {
        announce(&watch, &format!("state{n}"), &json!({"cmd_t": "bad/set", "stat_t": topic}));
        announce(&watch, &format!("up{n}"), &json!({"cmd_t": "bad/set", "avty_t": topic}));
        announce(&watch, &format!("set{n}"), &json!({"cmd_t": topic}));
    }
    // Long ones that are sound, and more of them than fit into one message.
    let long = "y".repeat(1000);
    for n in 0..200 {
        let base = format!("{long}/{n}");
        announce(
            &watch,
            &format!("long{n}"),
            &json!({"~": base, "cmd_t": "~/set", "stat_t": "~", "name": format!("long {n}")}),
        );
    }
    appears(&house, "long 199").await;
    house.restart_server().await;
    house.until("online", "long 199", |state| state.reach.is_online()).await;
    house.shows(&name, Bolt::Locked).await;
    assert_eq!(house.unlock(&name).await, CONFIRMED);
    assert_eq!(house.shelf.devices().len(), 201);
    assert!(matches!(house.shelf.link(), LinkState::Up));
    assert!(!house.broker.log().contains("protocol error"), "{}", house.broker.log());
}
