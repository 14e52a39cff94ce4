//! State messages of healthy locks.

use thumbturn_locksim::{Bolt, Cause, LockSpec, Make, Order, SimConfig, Told, Typed};

use crate::support::{SOON, Scene, actions, lock_states, ms, quick};

#[tokio::test]
async fn an_unlock_shows_the_old_state_then_the_new_one_then_the_action() {
    let scene = Scene::zigbee().await;
    let sent = scene.command("lock-001", "UNLOCK");
    scene.state("lock-001", "action", "unlock").await;
    let states = scene.states("lock-001");
    assert_eq!(lock_states(&states), ["locked", "unlocked", "unlocked"]);
    assert_eq!(actions(&states), ["unlock"]);
    let stale = scene.watch.on("zigbee2mqtt/lock-001")[0].at - sent;
    assert!(stale >= ms(18), "the stale repetition came after {stale:?}");
    assert_eq!(states[2]["action_source"], 1);
    assert_eq!(states[2]["action_source_name"], "rf");
    assert!(states[2]["action_user"].is_null());
    assert_eq!(states[1].get("action"), None);
    let seen = states[0]["last_seen"].as_str().unwrap();
    assert_eq!((seen.len(), &seen[23..]), (24, "Z"), "{seen}");
    let lock = scene.sim.lock("lock-001");
    assert_eq!((lock.bolt(), lock.moves(), lock.motor_runs()), (Bolt::Unlocked, 1, 1));
    assert_eq!(lock.history()[0].cause, Cause::Radio);
    assert_eq!(lock.commands().len(), 1);
}

#[tokio::test]
async fn without_last_seen_nothing_marks_the_acceptance() {
    let scene = Scene::new(quick(1).tune(|hub| hub.last_seen = false)).await;
    scene.command("lock-001", "UNLOCK");
    scene.state("lock-001", "action", "unlock").await;
    let states = scene.states("lock-001");
    assert_eq!(lock_states(&states), ["unlocked", "unlocked"]);
    assert_eq!(states[0].get("last_seen"), None);
}

#[tokio::test]
async fn a_bolt_that_already_is_there_runs_its_motor_and_reports_again() {
    let scene = Scene::zigbee().await;
    scene.command("lock-001", "LOCK");
    scene.state("lock-001", "action", "lock").await;
    let lock = scene.sim.lock("lock-001");
    assert_eq!((lock.moves(), lock.motor_runs()), (0, 1));
    assert_eq!(lock_states(&scene.states("lock-001")), ["locked"; 3]);
}

#[tokio::test]
async fn every_way_to_write_a_command_works() {
    let scene = Scene::zigbee().await;
    let lock = scene.sim.lock("lock-001");
    let ways = [
        ("zigbee2mqtt/lock-001/set", "UNLOCK"),
        ("zigbee2mqtt/lock-001/set/state", "LOCK"),
        ("zigbee2mqtt/0x00158d0000a00001/set", r#"{"state":"UNLOCK"}"#),
        ("zigbee2mqtt/lock-001/set", r#"{"state":{"state":"LOCK","code":"4711"}}"#),
        ("zigbee2mqtt/lock-001/set", r#"{"state":"TOGGLE"}"#),
    ];
    for (n, (topic, payload)) in ways.into_iter().enumerate() {
        scene.watch.publish(topic, payload);
        lock.wait_for_moves(n + 1, SOON).await.unwrap();
    }
    assert_eq!(lock.bolt(), Bolt::Unlocked);
}

#[tokio::test]
async fn names_may_hold_slashes_blanks_and_umlauts() {
    let names = ["floor 1/room 101", "Haustür Süd", "set/get"];
    let config = SimConfig::zigbee2mqtt(0).locks(names.map(|name| LockSpec::new(name).motor(ms(5))));
    let scene = Scene::new(config).await;
    for name in names {
        scene.command(name, "UNLOCK");
        scene.state(name, "lock_state", "unlocked").await;
        assert_eq!(scene.sim.lock(name).moves(), 1);
    }
}

#[tokio::test]
async fn hands_keypads_and_springs_are_told_apart() {
    let scene = Scene::zigbee().await;
    let name = "lock-001";
    scene.sim.turn_by_hand(name, Order::Unlock, Told::Manual);
    scene.state(name, "action", "manual_unlock").await;
    scene.sim.auto_relock(name);
    scene.state(name, "action", "auto_lock").await;
    assert!(scene.sim.keypad(name, &Typed::Slot(3)));
    let opened = scene.state(name, "action", "unlock").await.json();
    assert_eq!((&opened["action_user"], &opened["action_source_name"]), (&3.into(), &"keypad".into()));
    assert!(!scene.sim.keypad(name, &Typed::Wrong));
    let wrong = scene.state(name, "action", "unlock_failure_invalid_pin_or_id").await.json();
    assert_eq!((&wrong["action_source"], wrong["action_user"].is_null()), (&0.into(), true));
    scene.sim.turn_by_hand(name, Order::Lock, Told::Not);
    scene.read_back(name).await;
    assert_eq!(actions(&scene.states(name)).len(), 4, "a quiet turn is not told");
    assert_eq!(scene.states(name).last().unwrap()["lock_state"], "locked");
    let causes: Vec<Cause> = scene.sim.lock(name).history().iter().map(|one| one.cause).collect();
    assert_eq!(causes, [Cause::Hand, Cause::AutoRelock, Cause::Keypad(3), Cause::Hand]);
}

#[tokio::test]
async fn a_jam_is_an_unlock_state_without_an_action() {
    let scene = Scene::zigbee().await;
    scene.sim.jam_now("lock-001");
    let jammed = scene.state("lock-001", "lock_state", "not_fully_locked").await.json();
    assert_eq!((&jammed["state"], jammed.get("action")), (&"UNLOCK".into(), None));
}

#[tokio::test]
async fn a_low_battery_is_told_in_two_messages() {
    let scene = Scene::zigbee().await;
    scene.sim.battery("lock-001", 7);
    scene.state("lock-001", "battery_low", true).await;
    let states = scene.states("lock-001");
    assert_eq!(states.len(), 2);
    assert_eq!((&states[0]["battery"], &states[0]["battery_low"]), (&7.into(), &false.into()));
}

#[tokio::test]
async fn onesti_acts_before_it_reports_and_tells_typed_digits() {
    let locks = [LockSpec::new("o").make(Make::Onesti).motor(ms(5))];
    let scene = Scene::new(SimConfig::zigbee2mqtt(0).locks(locks)).await;
    scene.command("o", "UNLOCK");
    scene.state("o", "lock_state", "unlocked").await;
    let states = scene.states("o");
    let action = states.iter().find(|state| state["action"] == "unlock").unwrap();
    assert_eq!(action["lock_state"], "locked", "the old state");
    assert_eq!(action["last_unlock_source"], "zigbee");
    scene.watch.publish("zigbee2mqtt/o/set", r#"{"pin_code":{"user":1,"pin_code":"0123"}}"#);
    let saved = |seen: &thumbturn_locksim::Seen| seen.json()["last_successful_pincode_save"].is_i64();
    scene.watch.find("the save", SOON, saved).await.unwrap();
    assert!(scene.sim.keypad("o", &Typed::Digits("0123".to_owned())));
    scene.state("o", "last_used_pin_code", "0123").await;
}

#[tokio::test]
async fn with_home_assistant_support_unknown_fields_are_null_and_actions_have_a_topic() {
    let config = quick(1).tune(|hub| hub.home_assistant = true).each(|lock| lock.known = false);
    let scene = Scene::new(config).await;
    scene.command("lock-001", "UNLOCK");
    scene.state("lock-001", "action", "unlock").await;
    let state = &scene.states("lock-001")[0];
    for key in ["auto_relock_time", "pin_code", "lock_state", "battery"] {
        assert!(state.as_object().unwrap()[key].is_null(), "{key}");
    }
    let action = scene.watch.find("the action", SOON, |seen| seen.topic == "zigbee2mqtt/lock-001/action");
    assert_eq!(action.await.unwrap().text(), "unlock");
}

#[tokio::test]
async fn commands_for_one_lock_run_in_their_order() {
    let scene = Scene::zigbee().await;
    let lock = scene.sim.lock("lock-001");
    for n in 0..10 {
        scene.command("lock-001", if n % 2 == 0 { "UNLOCK" } else { "LOCK" });
    }
    lock.wait_for_moves(10, SOON).await.unwrap();
    assert_eq!((lock.bolt(), lock.motor_runs()), (Bolt::Locked, 10));
}
