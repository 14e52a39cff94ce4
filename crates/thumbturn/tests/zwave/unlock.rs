//! A Z-Wave lock opens the way a sandbox lock does.

use serde_json::{Value, json};
use thumbturn_hubsim::zwave::{Faults, House, Hub, LockSpec, Place};

use crate::server::Server;

const UNLOCK: &str = "/locks/unlock_door";
const LOCK: &str = "/locks/lock_door";

/// A Yale YRD226, as the driver's database has it.
const YALE: [u16; 3] = [0x0129, 0x8002, 0x0600];

fn name(node: u32) -> String {
    format!("Z-Wave lock (node {node})")
}

async fn connect(server: &Server, hub: &Hub) -> Value {
    server.connect_hub("zwave_js", json!({"url": hub.url()})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_opens_by_one_call_and_moves_once_and_keeps_its_id() {
    let locks = [
        LockSpec { model: Some(YALE), codes: Some(5), auto_relock: Some(0), secure: true, ..LockSpec::at(2) },
        LockSpec::at(3),
    ];
    let house = House::with(&locks).await.unwrap();
    let mut hub = Hub::on(&house).await.unwrap();
    let mut server = Server::start(&[]).await;
    let account = connect(&server, &hub).await;
    assert_eq!(
        (&account["account_type"], &account["errors"], &account["warnings"]),
        (&json!("zwave_js"), &json!([]), &json!([]))
    );
    let is_yale = |device: &Value| device["properties"]["locked"].is_boolean();
    let yale = server.device("YRD226 / YRC226 / YRC246 / YRD256 / YRC256 / YRD446 (node 2)", is_yale).await;
    assert_eq!(yale["device_type"], "yale_lock");
    for flag in ["can_remotely_lock", "can_remotely_unlock", "can_unlock_with_code", "can_configure_auto_lock"] {
        assert_eq!(yale[flag], true, "{flag} of {yale}");
    }
    assert_eq!(yale["properties"]["battery_level"], 0.8);
    let device = yale["device_id"].as_str().unwrap();

    let attempt = server.act(UNLOCK, device).await;
    assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}), "{attempt}");
    let truth = house.truth(2).await.unwrap();
    assert_eq!((truth.bolt, truth.moves, truth.commands.len()), (Place::Unlocked, 1, 1));
    assert_eq!(house.truth(3).await.unwrap().moves, 0);
    let event = server.event(device, |event| event["event_type"] == "lock.unlocked").await;
    assert_eq!((&event["action_attempt_id"], &event["method"]), (&attempt["action_attempt_id"], &json!("remote")));
    let evidence = server.evidence(&attempt).await;
    assert!(evidence.to_string().contains("of node 2"), "{evidence}");
    let attempt = server.act(LOCK, device).await;
    assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}), "{attempt}");
    let body = json!({"device_id": device, "auto_lock_enabled": true, "auto_lock_delay_seconds": 30, "sync": true});
    let (status, answer) = server.call("/locks/configure_auto_lock", body).await;
    assert_eq!((status, &answer["action_attempt"]["status"]), (200, &json!("success")), "{answer}");
    assert_eq!(house.truth(2).await.unwrap().auto_relock, 30);

    // The same ids after a restart of both sides.
    let other = server.lock(&name(3)).await;
    server.kill();
    hub.kill().await.unwrap();
    server.serve().await;
    hub.restart(&house).await.unwrap();
    assert_eq!(server.lock(&name(3)).await, other);
    let attempt = server.act(LOCK, device).await;
    assert_eq!(attempt["status"], "success", "{attempt}");
    let truth = house.truth(2).await.unwrap();
    assert_eq!((truth.bolt, truth.moves, truth.commands.len()), (Place::Locked, 2, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_apart() {
    let house = House::with(&[2, 3, 4].map(LockSpec::at)).await.unwrap();
    let mut hub = Hub::on(&house).await.unwrap();
    let server = Server::start(&[("THUMBTURN_ACTIONS__DEADLINE_MS", "10000")]).await;
    let account = connect(&server, &hub).await;
    let faults = [
        (2, Faults { jam: true, ..Faults::default() }, "lock_jammed"),
        (3, Faults { refuse: true, ..Faults::default() }, "command_rejected"),
        (4, Faults { unreachable: true, ..Faults::default() }, "outcome_unknown"),
    ];
    for (node, faults, error) in faults {
        let device = server.lock(&name(node)).await;
        house.set_faults(node, faults).await.unwrap();
        let attempt = server.act(UNLOCK, &device).await;
        let attempt = server.ended(attempt["action_attempt_id"].as_str().unwrap()).await;
        assert_eq!(attempt["error"]["type"], error, "{attempt}");
        assert_eq!(house.truth(node).await.unwrap().moves, 0, "node {node}");
    }
    let device = server.lock(&name(3)).await;
    hub.kill().await.unwrap();
    server.device(&name(3), |device| device["properties"]["online"] == false).await;
    let attempt = server.act(UNLOCK, &device).await;
    assert_eq!(attempt["error"]["type"], "hub_disconnected", "{attempt}");
    let id = json!({"connected_account_id": account["connected_account_id"]});
    let (_, answer) = server.call("/connected_accounts/get", id).await;
    let warning = &answer["connected_account"]["warnings"][0];
    assert_eq!(warning["warning_code"], "provider_service_unavailable", "{answer}");
    assert!(warning["message"].as_str().unwrap().contains("Z-Wave JS server"), "{answer}");
}
