//! The hub itself: its lists, its answers, its deaths.

use serde_json::{Value, json};
use thumbturn_locksim::{Bolt, LockSpec, Make, Mosquitto, Order, Seen, Sim, SimConfig, Told, Watch, wait_until};

use crate::support::{SOON, Scene, ms, quick};

async fn kept(scene: &Scene, topic: &str) -> Seen {
    let fresh = Watch::start(scene.broker.broker(), &[&format!("zigbee2mqtt/{topic}")]).await.unwrap();
    fresh.find(topic, SOON, |seen| seen.retained).await.unwrap()
}

async fn ask(scene: &Scene, what: &str, body: Value) -> Value {
    let topic = format!("zigbee2mqtt/bridge/response/{what}");
    let answers = scene.watch.on(&topic).len();
    scene.watch.publish(&format!("zigbee2mqtt/bridge/request/{what}"), body.to_string());
    wait_until(what, SOON, || scene.watch.on(&topic).len() > answers).await.unwrap();
    scene.watch.on(&topic).last().unwrap().json()
}

#[tokio::test]
async fn the_device_list_has_a_coordinator_locks_and_other_things() {
    let mut makes = Make::ALL.into_iter();
    let scene = Scene::new(quick(6).each(|lock| lock.make = makes.next().unwrap())).await;
    let list = kept(&scene, "bridge/devices").await.json();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 10);
    assert_eq!((&list[0]["type"], &list[0]["definition"]), (&"Coordinator".into(), &Value::Null));
    let locks: Vec<&Value> = list
        .iter()
        .filter(|entry| {
            let exposes = entry["definition"]["exposes"].as_array();
            exposes.is_some_and(|exposes| exposes.iter().any(|one| one["type"] == "lock"))
        })
        .collect();
    let models: Vec<&str> = locks.iter().map(|lock| lock["definition"]["model"].as_str().unwrap()).collect();
    let expected = ["YRD226HA2619", "YRL256 TS", "V3-BTZB/V3-BTZBE", "9GED18000-009", "99100-006", "easyCodeTouch_v1"];
    assert_eq!(models, expected);
    let has = |lock: &Value, property: &str| {
        lock["definition"]["exposes"].as_array().unwrap().iter().any(|one| one["property"] == property)
    };
    let table: Vec<[bool; 3]> =
        locks.iter().map(|lock| ["pin_code", "user_status", "action"].map(|name| has(lock, name))).collect();
    assert_eq!(table[..4], [[true; 3]; 4]);
    assert_eq!(table[4..], [[false, false, true], [true, false, false]]);
    assert_eq!(locks[0]["ieee_address"], "0x00158d0000a00001");
}

#[tokio::test]
async fn the_big_messages_are_big() {
    let scene = Scene::zigbee().await;
    let info = kept(&scene, "bridge/info").await;
    assert!(info.payload.len() >= 28_000, "{}", info.payload.len());
    assert_eq!(info.json()["config"]["advanced"]["output"], "json");
    assert!(kept(&scene, "bridge/definitions").await.payload.len() >= 228_000);
}

#[tokio::test]
async fn a_thousand_locks_fit_in_one_list_and_work() {
    let scene = Scene::new(quick(1000).each(|lock| lock.motor = ms(1))).await;
    let list = kept(&scene, "bridge/devices").await;
    assert!((4_000_000..6_000_000).contains(&list.payload.len()), "{}", list.payload.len());
    for n in 1..=1000 {
        scene.command(&format!("lock-{n:03}"), "UNLOCK");
    }
    wait_until("a thousand moves", SOON * 3, || scene.sim.total_moves() == 1000).await.unwrap();
    assert!(scene.sim.locks().iter().all(|lock| lock.moves() == 1));
}

#[tokio::test]
async fn a_starting_hub_tells_the_cached_states_once_and_not_retained() {
    let broker = Mosquitto::start().await.unwrap();
    let watch = Watch::start(broker.broker(), &["#"]).await.unwrap();
    let _sim = Sim::start(broker.broker(), quick(2).each(|lock| lock.retain = lock.name == "lock-002")).await.unwrap();
    for name in ["lock-001", "lock-002"] {
        let topic = format!("zigbee2mqtt/{name}");
        let state = watch.find(name, SOON, |seen| seen.topic == topic).await.unwrap();
        assert_eq!(state.json()["lock_state"], "locked");
        assert_eq!(state.json().get("action"), None);
    }
    let late = Watch::start(broker.broker(), &["zigbee2mqtt/#"]).await.unwrap();
    late.find("the retained one", SOON, |seen| seen.topic == "zigbee2mqtt/lock-002").await.unwrap();
    late.find("availability", SOON, |seen| seen.topic == "zigbee2mqtt/lock-002/availability").await.unwrap();
    assert!(late.on("zigbee2mqtt/lock-001").is_empty());
}

#[tokio::test]
async fn requests_are_answered_with_their_transaction() {
    let scene = Scene::zigbee().await;
    let answer = ask(&scene, "health_check", json!({"transaction": "tx-1"})).await;
    assert_eq!(answer, json!({"data": {"healthy": true}, "status": "ok", "transaction": "tx-1"}));
    let answer = ask(&scene, "device/rename", json!({"from": "nobody", "to": "x", "transaction": {"n": 2}})).await;
    let expected =
        json!({"data": {}, "error": "Device 'nobody' does not exist", "status": "error", "transaction": {"n": 2}});
    assert_eq!(answer, expected);
    assert!(scene.watch.on("zigbee2mqtt/bridge/devices").is_empty(), "neither republishes the list");
    ask(&scene, "device/options", json!({"id": "0x00158d0000a00001", "options": {}})).await;
    for list in ["info", "devices", "definitions"] {
        assert_eq!(scene.watch.on(&format!("zigbee2mqtt/bridge/{list}")).len(), 1, "{list}");
    }
}

#[tokio::test]
async fn a_rename_empties_the_old_topics_first() {
    let scene = Scene::zigbee().await;
    ask(&scene, "device/rename", json!({"from": "lock-001", "to": "floor 1/door"})).await;
    let order = |topic: &str| scene.watch.all().iter().position(|seen| seen.topic == format!("zigbee2mqtt/{topic}"));
    assert!(scene.watch.on("zigbee2mqtt/lock-001")[0].payload.is_empty());
    assert!(order("lock-001") < order("bridge/devices"));
    assert!(order("lock-001/availability") < order("bridge/devices"));
    assert!(order("bridge/devices") < order("floor 1/door"));
    scene.command("floor 1/door", "UNLOCK");
    scene.state("floor 1/door", "action", "unlock").await;
    assert_eq!(scene.sim.lock("lock-001").id(), scene.sim.lock("floor 1/door").id());
}

#[tokio::test]
async fn locks_join_and_leave() {
    let scene = Scene::zigbee().await;
    let joined = scene.sim.add_lock(LockSpec::new("new one").motor(ms(5)));
    let event = |kind: &'static str| move |seen: &Seen| seen.topic.ends_with("/event") && seen.json()["type"] == kind;
    scene.watch.find("the join", SOON, event("device_joined")).await.unwrap();
    scene.state("new one", "lock_state", "locked").await;
    scene.command("new one", "UNLOCK");
    joined.wait_for_moves(1, SOON).await.unwrap();
    ask(&scene, "device/remove", json!({"id": "new one"})).await;
    scene.watch.find("the leave", SOON, event("device_leave")).await.unwrap();
    let list = kept(&scene, "bridge/devices").await.text();
    assert!(list.contains("lock-001") && !list.contains("new one"));
}

#[tokio::test]
async fn a_dead_hub_is_announced_by_its_will_and_locks_stay_online() {
    let scene = Scene::zigbee().await;
    scene.sim.die().await;
    let offline = |seen: &Seen| seen.topic == "zigbee2mqtt/bridge/state" && seen.json()["state"] == "offline";
    scene.watch.find("the will", SOON, offline).await.unwrap();
    assert_eq!(kept(&scene, "lock-001/availability").await.json()["state"], "online");
    scene.command("lock-001", "UNLOCK");
    scene.sim.turn_by_hand("lock-001", Order::Unlock, Told::Manual);
    scene.sim.revive().await.unwrap();
    let cached = scene.state("lock-001", "lock_state", "locked").await;
    assert_eq!(cached.json()["lock_state"], "locked", "the turn by hand was not heard");
    scene.read_back("lock-001").await;
    assert_eq!(scene.states("lock-001").last().unwrap()["lock_state"], "unlocked");
    assert_eq!(scene.sim.lock("lock-001").commands().len(), 0, "the command is lost for good");
}

#[tokio::test]
async fn a_frozen_hub_does_everything_at_its_thaw() {
    let scene = Scene::zigbee().await;
    scene.sim.freeze(ms(400));
    let sent = scene.command("lock-001", "UNLOCK");
    let done = scene.state("lock-001", "action", "unlock").await;
    assert!(done.at - sent >= ms(380), "{:?}", done.at - sent);
    assert_eq!(scene.sim.lock("lock-001").bolt(), Bolt::Unlocked);
}

#[tokio::test]
async fn a_restart_can_be_asked_for_over_mqtt() {
    let scene = Scene::zigbee().await;
    scene.watch.publish("zigbee2mqtt/bridge/request/restart", "");
    let list = |seen: &Seen| seen.topic == "zigbee2mqtt/bridge/devices";
    scene.watch.find("the list of the new life", SOON, list).await.unwrap();
    scene.command("lock-001", "UNLOCK");
    scene.state("lock-001", "action", "unlock").await;
}

#[tokio::test]
async fn availability_goes_and_comes_back_with_any_sign_of_life() {
    let scene = Scene::zigbee().await;
    scene.sim.set_available("lock-001", false);
    let topic = "zigbee2mqtt/lock-001/availability";
    let word = |word: &'static str| move |seen: &Seen| seen.topic == topic && seen.json()["state"] == word;
    scene.watch.find("offline", SOON, word("offline")).await.unwrap();
    scene.sim.turn_by_hand("lock-001", Order::Unlock, Told::Manual);
    scene.watch.find("online", SOON, word("online")).await.unwrap();
}

#[tokio::test]
async fn retained_lists_can_be_lost_under_a_listener() {
    let scene = Scene::zigbee().await;
    scene.sim.lose_retained();
    let emptied = |seen: &Seen| seen.topic == "zigbee2mqtt/bridge/devices" && seen.payload.is_empty();
    scene.watch.find("the empty list", SOON, emptied).await.unwrap();
    let left = Watch::start(scene.broker.broker(), &["zigbee2mqtt/#"]).await.unwrap();
    left.find("the state", SOON, |seen| seen.topic == "zigbee2mqtt/bridge/state").await.unwrap();
    assert!(left.on("zigbee2mqtt/bridge/devices").is_empty());
}

#[tokio::test]
async fn a_hub_with_home_assistant_support_announces_its_locks_a_second_time() {
    let scene = Scene::new(SimConfig::zigbee2mqtt(1).tune(|hub| hub.home_assistant = true)).await;
    let topic = "homeassistant/lock/0x00158d0000a00001/lock/config";
    let fresh = Watch::start(scene.broker.broker(), &["homeassistant/#"]).await.unwrap();
    let message = fresh.find("the announcement", SOON, |seen| seen.topic == topic).await.unwrap().json();
    assert_eq!(message["origin"]["name"], "Zigbee2MQTT");
    assert_eq!(message["device"]["identifiers"][0], "zigbee2mqtt_0x00158d0000a00001");
    assert_eq!(message["state_topic"], "zigbee2mqtt/lock-001");
    scene.sim.remove_lock("lock-001");
    fresh.find("its end", SOON, |seen| seen.topic == topic && seen.payload.is_empty()).await.unwrap();
}
