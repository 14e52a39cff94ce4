//! Each fault, seen from outside.

use std::time::Duration;

use thumbturn_locksim::{Bolt, Fault, Order, Seen, Told, wait_until};

use crate::support::{SOON, Scene, actions, lock_states, ms};

const LOCK: &str = "lock-001";

async fn with(faults: &[Fault]) -> Scene {
    let scene = Scene::zigbee().await;
    for fault in faults {
        scene.sim.lock(LOCK).set_fault(*fault);
    }
    scene
}

#[tokio::test]
async fn a_refusal_leaves_nothing_but_the_unchanged_cache() {
    let scene = with(&[Fault::Refuse]).await;
    scene.command(LOCK, "UNLOCK");
    scene.state(LOCK, "lock_state", "locked").await;
    scene.read_back(LOCK).await;
    let lock = scene.sim.lock(LOCK);
    assert_eq!(lock_states(&scene.states(LOCK)), ["locked", "locked"], "the cache and our read");
    assert_eq!((lock.bolt(), lock.motor_runs(), lock.commands().len()), (Bolt::Locked, 0, 1));
    assert_eq!(scene.error_lines(), 0);
}

#[tokio::test]
async fn an_acknowledgement_without_a_move_looks_like_a_refusal() {
    let scene = with(&[Fault::AckWithoutMove]).await;
    scene.command(LOCK, "UNLOCK");
    scene.state(LOCK, "lock_state", "locked").await;
    scene.read_back(LOCK).await;
    assert_eq!(lock_states(&scene.states(LOCK)), ["locked", "locked"]);
    assert_eq!(scene.sim.lock(LOCK).motor_runs(), 0);
}

#[tokio::test]
async fn a_jam_on_either_way_has_the_state_unlock_and_no_action() {
    let scene = with(&[Fault::JamOnUnlock]).await;
    scene.command(LOCK, "UNLOCK");
    let jam = scene.state(LOCK, "lock_state", "not_fully_locked").await.json();
    assert_eq!(jam["state"], "UNLOCK");
    let lock = scene.sim.lock(LOCK);
    lock.clear_faults();
    scene.command(LOCK, "UNLOCK");
    scene.state(LOCK, "action", "unlock").await;
    scene.watch.clear();
    lock.fault_next([Fault::JamOnLock]);
    scene.command(LOCK, "LOCK");
    scene.state(LOCK, "lock_state", "not_fully_locked").await;
    scene.read_back(LOCK).await;
    assert!(actions(&scene.states(LOCK)).is_empty());
    assert_eq!((lock.bolt(), lock.moves()), (Bolt::Stuck, 3));
}

#[tokio::test]
async fn a_mute_lock_moves_and_tells_only_who_asks() {
    let scene = with(&[Fault::Mute]).await;
    scene.command(LOCK, "UNLOCK");
    let lock = scene.sim.lock(LOCK);
    lock.wait_for_moves(1, SOON).await.unwrap();
    scene.read_back(LOCK).await;
    assert_eq!(lock_states(&scene.states(LOCK)), ["locked", "unlocked"], "the stale cache, then our read");
}

#[tokio::test]
async fn after_a_lost_answer_the_hub_repeats_the_command_by_itself() {
    let scene = with(&[Fault::LostAnswer { resend_after: ms(300) }]).await;
    scene.command(LOCK, "UNLOCK");
    let lock = scene.sim.lock(LOCK);
    lock.wait_for_moves(1, SOON).await.unwrap();
    lock.turn_by_hand(Order::Lock, Told::Not);
    lock.wait_for_moves(3, SOON).await.unwrap();
    let commands = lock.commands();
    assert_eq!((commands.len(), lock.motor_runs(), lock.bolt()), (2, 2, Bolt::Unlocked));
    assert_eq!((commands[0].repeat, commands[1].repeat), (false, true));
    assert!(commands[1].at - commands[0].at >= ms(290));
}

#[tokio::test]
async fn the_hub_does_not_repeat_a_command_after_its_death() {
    let scene = with(&[Fault::LostAnswer { resend_after: ms(150) }]).await;
    scene.command(LOCK, "UNLOCK");
    let lock = scene.sim.lock(LOCK);
    lock.wait_for_moves(1, SOON).await.unwrap();
    scene.sim.restart().await.unwrap();
    scene.watch.clear();
    scene.sim.lock(LOCK).clear_faults();
    let later = std::time::Instant::now() + ms(200);
    wait_until("the time of the repetition", SOON, || std::time::Instant::now() > later).await.unwrap();
    assert_eq!(lock.commands().len(), 1);
}

#[tokio::test]
async fn an_unreachable_lock_yields_an_error_line_that_quotes_its_name() {
    let scene = with(&[Fault::Unreachable { error_after: ms(200) }]).await;
    let sent = scene.command(LOCK, "UNLOCK");
    let (line, at) = scene.error_line("failed").await;
    let head = "z2m: Publish 'set' 'state' to 'lock-001' failed: 'Error: ZCL command \
                0x00158d0000a00001/1 closuresDoorLock.unlockDoor({";
    assert!(line.starts_with(head) && line.contains(r#"{"timeout":10000,"#) && line.ends_with(")'"), "{line}");
    assert!(at - sent >= ms(195));
    assert!(scene.states(LOCK).is_empty());
    assert_eq!(scene.sim.lock(LOCK).commands().len(), 0, "the lock heard nothing");
}

#[tokio::test]
async fn a_silent_lock_yields_the_line_of_a_time_out() {
    let scene = with(&[Fault::Silent { error_after: ms(200) }]).await;
    scene.command(LOCK, "LOCK");
    let (line, _) = scene.error_line("closuresDoorLock.lockDoor({").await;
    assert!(line.contains("after 10000ms"), "{line}");
    assert_eq!(scene.sim.lock(LOCK).motor_runs(), 0);
}

#[tokio::test]
async fn a_late_answer_yields_the_error_line_after_the_state() {
    let scene = with(&[Fault::LateAnswer { error_after: ms(400) }]).await;
    scene.command(LOCK, "UNLOCK");
    let moved = scene.state(LOCK, "lock_state", "unlocked").await;
    let (_, failed) = scene.error_line("unlockDoor").await;
    assert!(failed > moved.at);
    assert_eq!(scene.sim.lock(LOCK).moves(), 1);
}

#[tokio::test]
async fn a_late_answer_of_a_mute_lock_is_nothing_but_an_error_although_it_moved() {
    let scene = with(&[Fault::LateAnswer { error_after: ms(300) }, Fault::Mute]).await;
    scene.command(LOCK, "UNLOCK");
    scene.error_line("unlockDoor").await;
    assert!(scene.states(LOCK).is_empty());
    assert_eq!(scene.sim.lock(LOCK).bolt(), Bolt::Unlocked);
}

#[tokio::test]
async fn an_older_report_can_come_again_after_a_newer_one() {
    let scene = with(&[Fault::RepeatReport { after: ms(400) }]).await;
    scene.command(LOCK, "UNLOCK");
    scene.state(LOCK, "action", "unlock").await;
    scene.sim.lock(LOCK).clear_faults();
    scene.command(LOCK, "LOCK");
    scene.state(LOCK, "action", "lock").await;
    scene.watch.clear();
    scene.state(LOCK, "lock_state", "unlocked").await;
    assert_eq!(scene.sim.lock(LOCK).bolt(), Bolt::Locked, "the report is a lie by then");
}

#[tokio::test]
async fn a_report_may_come_twice_and_without_action() {
    let scene = with(&[Fault::DoubleReport, Fault::NoAction]).await;
    scene.command(LOCK, "UNLOCK");
    let unlocked = || lock_states(&scene.states(LOCK)).iter().filter(|state| *state == "unlocked").count();
    wait_until("both reports", SOON, || unlocked() == 2).await.unwrap();
    scene.read_back(LOCK).await;
    assert!(actions(&scene.states(LOCK)).is_empty());
}

#[tokio::test]
async fn an_action_may_come_first_with_the_old_state_in_it() {
    let scene = with(&[Fault::ActionFirst]).await;
    scene.command(LOCK, "UNLOCK");
    scene.state(LOCK, "lock_state", "unlocked").await;
    let states = scene.states(LOCK);
    let action = states.iter().find(|state| state["action"] == "unlock").unwrap();
    assert_eq!((&action["lock_state"], &action["state"]), (&"locked".into(), &"LOCK".into()));
}

#[tokio::test]
async fn a_read_may_fail() {
    let scene = with(&[Fault::ReadFails { error_after: ms(100) }]).await;
    scene.watch.publish("zigbee2mqtt/lock-001/get", r#"{"state":""}"#);
    let (line, _) = scene.error_line("Publish 'get' 'state' to 'lock-001' failed").await;
    assert!(line.contains("closuresDoorLock.read([\"lockState\"]"), "{line}");
    scene.command(LOCK, "UNLOCK");
    scene.state(LOCK, "action", "unlock").await;
}

#[tokio::test]
async fn a_read_may_be_answered_from_the_past() {
    let scene = with(&[Fault::StaleGet, Fault::Mute]).await;
    scene.command(LOCK, "UNLOCK");
    scene.sim.lock(LOCK).wait_for_moves(1, SOON).await.unwrap();
    scene.read_back(LOCK).await;
    assert_eq!(scene.states(LOCK).last().unwrap()["lock_state"], "locked");
}

#[tokio::test]
async fn a_slow_lock_does_not_delay_another_one() {
    let scene = Scene::new(crate::support::quick(2)).await;
    scene.sim.lock(LOCK).set_fault(Fault::Unreachable { error_after: Duration::from_secs(17) });
    let sent = scene.command(LOCK, "UNLOCK");
    scene.command("lock-002", "UNLOCK");
    let other = scene.state("lock-002", "action", "unlock").await;
    assert!(other.at - sent < Duration::from_secs(5));
}

#[tokio::test]
async fn the_hub_sends_the_next_command_only_when_the_one_before_is_settled() {
    let scene = with(&[]).await;
    let lock = scene.sim.lock(LOCK);
    lock.fault_next([Fault::Unreachable { error_after: ms(250) }]);
    let sent = scene.command(LOCK, "UNLOCK");
    scene.command(LOCK, "LOCK");
    lock.wait_for_commands(1, SOON).await.unwrap();
    assert!(lock.commands()[0].at - sent >= ms(240));
}

#[tokio::test]
async fn the_complaints_about_bad_commands_are_verbatim() {
    let scene = with(&[]).await;
    let complaints = [
        (
            "lock-001/set",
            r#"{"state":"OPEN"}"#,
            "z2m: Publish 'set' 'state' to 'lock-001' failed: 'Error: 'OPEN' not allowed, choose between: LOCK,UNLOCK,TOGGLE'",
        ),
        (
            "lock-001/set",
            r#"{"pin_code":{"user":250,"pin_code":"1234"}}"#,
            "z2m: Publish 'set' 'pin_code' to 'lock-001' failed: 'Error: user must be in range for device'",
        ),
        ("lock-001/set", r#"{"colour":"red"}"#, r#"z2m: No converter available for 'colour' on 'lock-001': ("red")"#),
        ("lock-001/set", "nonsense", "z2m: Invalid message 'undefined', skipping..."),
        ("nobody/set", r#"{"state":"LOCK"}"#, "z2m: Entity 'nobody' is unknown"),
    ];
    for (topic, payload, line) in complaints {
        scene.watch.publish(&format!("zigbee2mqtt/{topic}"), payload);
        assert_eq!(scene.error_line(line).await.0, line);
    }
    scene.watch.clear();
    scene.watch.publish("zigbee2mqtt/lock-001/set", "");
    let line = |seen: &Seen| seen.text().contains("Invalid message 'undefined'");
    scene.watch.find("the complaint about nothing", SOON, line).await.unwrap();
    assert_eq!(scene.sim.lock(LOCK).received().len(), 0);
}
