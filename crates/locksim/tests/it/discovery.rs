//! Locks of other bridges.

use serde_json::Value;
use thumbturn_locksim::{
    Bolt, DialectConfig, DiscoveryConfig, Fault, LockSpec, Order, Seen, SimConfig, Style, Told, Watch, wait_until,
};

use crate::support::{SOON, Scene, ms};

fn styled(style: Style) -> SimConfig {
    let locks = vec![LockSpec::new("Front").style(style).motor(ms(60))];
    SimConfig::with(locks, DialectConfig::HomeAssistant(DiscoveryConfig::default()))
}

async fn announced(scene: &Scene, topic: &str) -> Value {
    let fresh = Watch::start(scene.broker.broker(), &["homeassistant/#"]).await.unwrap();
    fresh.find(topic, SOON, |seen| seen.topic == topic && seen.retained).await.unwrap().json()
}

async fn said(scene: &Scene, topic: &str, payload: &str) -> Seen {
    let what = format!("{payload} on {topic}");
    scene.watch.find(&what, SOON, |seen| seen.topic == topic && seen.text() == payload).await.unwrap()
}

fn texts(scene: &Scene, topic: &str) -> Vec<String> {
    scene.watch.on(topic).iter().map(Seen::text).collect()
}

#[tokio::test]
async fn nuki_speaks_in_numbers() {
    let scene = Scene::new(styled(Style::Nuki)).await;
    let config = announced(&scene, "homeassistant/lock/2FFA2329/config").await;
    assert_eq!((&config["~"], &config["cmd_t"]), (&"nuki/2FFA2329".into(), &"~/lockAction".into()));
    assert_eq!(config["val_tpl"], r#"{% if value in ("5","6","7") %}3{% else %}{{value}}{% endif %}"#);
    scene.watch.publish("nuki/2FFA2329/lockAction", "1");
    said(&scene, "nuki/2FFA2329/lockActionEvent", "1,172,0,0,0").await;
    assert!(texts(&scene, "nuki/2FFA2329/state").ends_with(&["2".to_owned(), "3".to_owned()]));
    assert_eq!(texts(&scene, "nuki/2FFA2329/commandResponse"), ["0"]);
    let lock = scene.sim.lock("Front");
    assert_eq!((lock.bolt(), lock.moves()), (Bolt::Unlocked, 1));
    lock.set_fault(Fault::JamOnLock);
    scene.watch.publish("nuki/2FFA2329/lockAction", "2");
    said(&scene, "nuki/2FFA2329/state", "254").await;
    lock.clear_faults();
    lock.set_fault(Fault::Refuse);
    scene.watch.publish("nuki/2FFA2329/lockAction", "2");
    said(&scene, "nuki/2FFA2329/commandResponse", "69").await;
    assert_eq!(lock.bolt(), Bolt::Stuck);
    scene.sim.die().await;
    said(&scene, "nuki/2FFA2329/connected", "false").await;
}

#[tokio::test]
async fn esphome_uses_default_words_with_transitions() {
    let scene = Scene::new(styled(Style::EspHome)).await;
    let config = announced(&scene, "homeassistant/lock/esp-001/config").await;
    assert_eq!(config["stat_t"], "esp-001/lock/door/state");
    assert_eq!(config.get("pl_lock"), None, "the default word is not spelled out");
    scene.watch.publish("esp-001/lock/door/command", "unlock");
    said(&scene, "esp-001/lock/door/state", "UNLOCKED").await;
    scene.watch.publish("esp-001/lock/door/command", "LOCK");
    wait_until("the way back", SOON, || texts(&scene, "esp-001/lock/door/state").last().is_some_and(|s| s == "LOCKED"))
        .await
        .unwrap();
    let states = texts(&scene, "esp-001/lock/door/state");
    assert!(states.ends_with(&["UNLOCKING", "UNLOCKED", "LOCKING", "LOCKED"].map(str::to_owned)), "{states:?}");
    scene.sim.jam_now("Front");
    said(&scene, "esp-001/lock/door/state", "JAMMED").await;
}

#[tokio::test]
async fn zwave_uses_json_numbers_and_one_gateway() {
    let locks = ["A", "B"].map(|name| LockSpec::new(name).style(Style::ZwaveJsUi).motor(ms(5)));
    let scene = Scene::new(styled(Style::ZwaveJsUi).locks(locks)).await;
    let config = announced(&scene, "homeassistant/lock/nodeID_10/config").await;
    assert_eq!((&config["payload_lock"], &config["state_unlocked"]), (&255.into(), &0.into()));
    assert_eq!(config["availability"].as_array().unwrap().len(), 2);
    scene.watch.publish("zwave/nodeID_11/98/0/targetMode/set", "0");
    let topic = "zwave/nodeID_11/98/0/currentMode";
    let zero = |seen: &Seen| seen.topic == topic && seen.json()["value"] == 0;
    scene.watch.find("the report", SOON, zero).await.unwrap();
    assert_eq!((scene.sim.lock("A").moves(), scene.sim.lock("B").moves()), (0, 1));
    scene.sim.lock("A").set_fault(Fault::Unreachable { error_after: ms(50) });
    scene.watch.publish("zwave/nodeID_10/98/0/targetMode/set", "0");
    let dead = |seen: &Seen| seen.topic == "zwave/nodeID_10/status" && seen.json()["status"] == "Dead";
    scene.watch.find("the dead node", SOON, dead).await.unwrap();
    scene.sim.die().await;
    said(&scene, "zwave/_CLIENTS/ZWAVE_GATEWAY-locksim/status", r#"{"value":false}"#).await;
}

#[tokio::test]
async fn an_optimistic_lock_moves_and_says_nothing() {
    let scene = Scene::new(styled(Style::Optimistic)).await;
    let config = announced(&scene, "homeassistant/lock/relay-001/config").await;
    assert_eq!(config.get("state_topic"), None);
    scene.watch.publish("relay/relay-001/set", "UNLOCK");
    scene.sim.lock("Front").wait_for_moves(1, SOON).await.unwrap();
    scene.settle().await;
    assert!(scene.watch.all().iter().all(|seen| {
        !seen.topic.starts_with("relay/relay-001/") || seen.topic.ends_with("/set") || seen.topic.ends_with("/status")
    }));
}

#[tokio::test]
async fn templates_wrap_commands_states_and_availability() {
    let scene = Scene::new(styled(Style::Templated)).await;
    let config = announced(&scene, "homeassistant/lock/bridge-001/config").await;
    assert_eq!((&config["retain"], &config["state_jammed"]), (&true.into(), &"blocked".into()));
    scene.watch.publish("custom/bridge-001/command", r#"{"do": "UNLOCK"}"#);
    said(&scene, "custom/bridge-001/state", r#"{"bolt":"open"}"#).await;
    scene.sim.set_available("Front", false);
    said(&scene, "custom/bridge-001/health", r#"{"alive":false}"#).await;
}

#[tokio::test]
async fn states_are_retained_or_not_as_wanted() {
    for retain in [true, false] {
        let scene = Scene::new(styled(Style::EspHome).tune_discovery(|all| all.retain_state = retain)).await;
        scene.sim.turn_by_hand("Front", Order::Unlock, Told::Manual);
        said(&scene, "esp-001/lock/door/state", "UNLOCKED").await;
        let late = Watch::start(scene.broker.broker(), &["esp-001/#"]).await.unwrap();
        late.find("the status", SOON, |seen| seen.topic == "esp-001/status").await.unwrap();
        assert_eq!(late.on("esp-001/lock/door/state").len(), usize::from(retain));
    }
}

#[tokio::test]
async fn device_messages_hold_the_lock_as_a_component() {
    for style in Style::ALL {
        let scene = Scene::new(styled(style).tune_discovery(|all| all.device_messages = true)).await;
        let key = scene.sim.lock("Front").id().trim_end_matches("_lock").to_owned();
        let config = announced(&scene, &format!("homeassistant/device/{key}/config")).await;
        let (short, long) = (&config["cmps"]["door"], &config["components"]["door"]);
        let (component, platform) = if short.is_null() { (long, "platform") } else { (short, "p") };
        assert_eq!(component[platform], "lock", "{config}");
        let unique = component.get("uniq_id").or(component.get("unique_id")).unwrap();
        assert_eq!(unique, scene.sim.lock("Front").id());
        assert!(config.get("dev").or(config.get("device")).is_some());
        assert!(config.get("o").or(config.get("origin")).is_some());
    }
}

#[tokio::test]
async fn a_lock_is_taken_back_by_an_empty_message_and_may_return() {
    let scene = Scene::new(styled(Style::EspHome)).await;
    let topic = "homeassistant/lock/esp-001/config";
    scene.sim.remove_lock("Front");
    said(&scene, topic, "").await;
    scene.watch.clear();
    scene.sim.announce_again("Front");
    scene.watch.find("the return", SOON, |seen| seen.topic == topic && !seen.payload.is_empty()).await.unwrap();
    let newcomer = scene.sim.add_lock(LockSpec::new("Back").style(Style::Nuki).motor(ms(5)));
    let config = |seen: &Seen| seen.topic == "homeassistant/lock/2FFA232A/config";
    scene.watch.find("the newcomer", SOON, config).await.unwrap();
    scene.watch.publish("nuki/2FFA232A/lockAction", "1");
    newcomer.wait_for_moves(1, SOON).await.unwrap();
}
