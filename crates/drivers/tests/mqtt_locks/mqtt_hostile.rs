//! Announcements that a broker would hang up on, topics that locks share, and brokers that refuse subscriptions.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use thumbturn_core::accounts::LinkState;
use thumbturn_core::attempts::FailureKind;
use thumbturn_core::events::EventKind;
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{ConnectError, Driver};
use thumbturn_drivers::mqtt::MqttDriver;
use thumbturn_locksim::{LockSpec, Mosquitto, MosquittoConfig, SimConfig, Style, Watch, wait_until};
use tokio::sync::mpsc;

use crate::house::{CONFIRMED, House, SOON, account, clock, failure, settings};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_late_lock_hears_what_the_broker_kept_on_topics_it_shares() {
    let (house, watch, _) = house(MosquittoConfig::default()).await;
    watch.publish_retained("bridge/up", "online");
    watch.publish_retained("bridge/state", r#"{"left":"LOCKED","right":"UNLOCKED"}"#);
    let lock = |side: &str| {
        json!({"cmd_t": format!("{side}/set"), "stat_t": "bridge/state", "avty_t": "bridge/up", "name": side,
            "val_tpl": format!("{{{{ value_json.{side} }}}}")})
    };
    announce(&watch, "left", &lock("left"));
    appears(&house, "left").await;
    house.until("online", "left", |state| state.reach.is_online()).await;
    house.shows("left", Bolt::Locked).await;
    announce(&watch, "right", &lock("right"));
    appears(&house, "right").await;
    house.until("online", "right", |state| state.reach.is_online()).await;
    house.shows("right", Bolt::Unlocked).await;
    assert_eq!(house.moves(), [], "what the broker kept is no movement");
    // The lock that shares the topic gets other words for it.
    let mut changed = lock("right");
    changed["pl_avail"] = "online".into();
    changed["avty_tpl"] = "{{ value | trim }}".into();
    changed["name"] = "right 2".into();
    announce(&watch, "right", &changed);
    appears(&house, "right 2").await;
    house.until("online", "right 2", |state| state.reach.is_online()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_moves_to_another_announcement_is_never_removed() {
    let (house, watch, _) = house(MosquittoConfig::default()).await;
    let lock = json!({"p": "lock", "cmd_t": "door/set", "uniq_id": "door", "name": "door"});
    announce(&watch, "door", &lock);
    appears(&house, "door").await;
    house.until("online", "door", |state| state.reach.is_online()).await;
    let before = house.device("door").id;
    announce(&watch, "door", &json!({"migrate_discovery": true}));
    let mut moved = lock.clone();
    moved["name"] = "moved".into();
    watch.publish_retained("homeassistant/device/gate/config", json!({"cmps": {"door": moved}}).to_string());
    watch.publish_retained("homeassistant/lock/door/config", "");
    appears(&house, "moved").await;
    assert_eq!(house.device("moved").id, before);
    assert!(house.state("moved").reach.is_online());
    let removed = |kind: &EventKind| matches!(kind, EventKind::DeviceDisconnected { .. } | EventKind::DeviceRemoved);
    assert!(!house.shelf.kinds().iter().any(removed));
}

/// The broker's plugin that refuses subscriptions; its access list file only swallows messages.
fn refusing(patterns: &[(&str, &str)]) -> (MosquittoConfig, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let acls: Vec<Value> = patterns
        .iter()
        .map(|(kind, topic)| json!({"acltype": kind, "topic": topic, "priority": 1, "allow": false}))
        .collect();
    let rules = json!({
        "defaultACLAccess": {"publishClientSend": true, "publishClientReceive": true, "subscribe": true, "unsubscribe": true},
        "roles": [{"rolename": "guest", "acls": acls}],
        "groups": [{"groupname": "guests", "roles": [{"rolename": "guest"}]}],
        "anonymousGroup": "guests",
    });
    let file = dir.path().join("rules.json");
    std::fs::write(&file, rules.to_string()).unwrap();
    let extra = vec![format!("plugin {}", plugin().display()), format!("plugin_opt_config_file {}", file.display())];
    (MosquittoConfig { extra, ..MosquittoConfig::default() }, dir)
}

fn plugin() -> PathBuf {
    let folders = ["x86_64-linux-gnu", "aarch64-linux-gnu", "arm-linux-gnueabihf", "."];
    let all = folders.iter().flat_map(|folder| {
        ["/usr/lib", "/usr/local/lib", "/opt/homebrew/lib"]
            .map(|root| PathBuf::from(root).join(folder).join("mosquitto_dynamic_security.so"))
    });
    all.into_iter().find(|file| file.is_file()).expect("mosquitto_dynamic_security.so, which comes with Mosquitto")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_may_not_be_heard_stays_offline() {
    let (broker, _rules) = refusing(&[("subscribeLiteral", "deaf/state"), ("subscribeLiteral", "mute/up")]);
    let (house, watch, name) = house(broker).await;
    watch.publish_retained("mute/up", "online");
    announce(&watch, "deaf", &json!({"cmd_t": "deaf/set", "stat_t": "deaf/state", "name": "deaf"}));
    announce(&watch, "mute", &json!({"cmd_t": "mute/set", "avty_t": "mute/up", "name": "mute"}));
    announce(&watch, "fine", &json!({"cmd_t": "fine/set", "stat_t": "fine/state", "name": "fine"}));
    for lock in ["deaf", "mute", "fine"] {
        appears(&house, lock).await;
    }
    house.until("online", "fine", |state| state.reach.is_online()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    for lock in ["deaf", "mute"] {
        assert!(!house.state(lock).reach.is_online(), "{lock}");
        assert_eq!(failure(&house.unlock(lock).await), FailureKind::DeviceDisconnected, "{lock}");
    }
    assert_eq!(house.unlock(&name).await, CONFIRMED, "the others work");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zigbee_lock_that_may_not_be_heard_stays_offline() {
    let (broker, _rules) = refusing(&[("subscribeLiteral", "zigbee2mqtt/lock-002")]);
    let house = House::build(broker, SimConfig::zigbee2mqtt(2), &json!({})).await;
    house.shows("lock-001", Bolt::Locked).await;
    assert!(!house.state("lock-002").reach.is_online());
    assert_eq!(failure(&house.unlock("lock-002").await), FailureKind::DeviceDisconnected);
    assert_eq!(house.unlock("lock-001").await, CONFIRMED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lets_nothing_be_heard_is_the_accounts_trouble() {
    let (config, _rules) = refusing(&[("subscribePattern", "#")]);
    let broker = Mosquitto::with(config).await.unwrap();
    let driver = MqttDriver::new(Arc::clone(&clock()));
    let (sender, _signals) = mpsc::channel(1024);
    let account = account(&settings(broker.broker(), &json!({})));
    let refused = driver.connect(&account, &[], sender).await.err();
    let Some(ConnectError::CredentialsRefused(why)) = &refused else { panic!("{refused:?}") };
    assert!(why.contains("access list") && why.contains("homeassistant"), "{why}");
}
