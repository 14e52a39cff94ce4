//! A Matter lock opens the way a sandbox lock does.

use serde_json::{Value, json};
use thumbturn_hubsim::matter::{Faults, House, Hub, LockSpec, Place};

use crate::server::Server;

const UNLOCK: &str = "/locks/unlock_door";
const LOCK: &str = "/locks/lock_door";

fn name(node: u32) -> String {
    format!("Turn (node {node})")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_opens_by_one_call_and_moves_once_and_failures_are_told_apart() {
    let yale = LockSpec {
        vendor: "Yale",
        product: "Assure",
        codes: Some(5),
        door_sensor: true,
        auto_relock: Some(0),
        ..LockSpec::at(1)
    };
    let house = House::with(&[yale, LockSpec::at(2), LockSpec::at(3)]).await.unwrap();
    let mut hub = Hub::on(&house).await.unwrap();
    let mut server = Server::start(&[]).await;
    let account = server.connect_hub("matter", json!({"url": hub.url()})).await;
    assert_eq!(
        (&account["account_type"], &account["errors"], &account["warnings"]),
        (&json!("matter"), &json!([]), &json!([]))
    );
    let is_known = |device: &Value| device["properties"]["locked"].is_boolean();
    let yale = server.device("Assure (node 1)", is_known).await;
    assert_eq!(yale["device_type"], "yale_lock");
    for flag in ["can_remotely_lock", "can_remotely_unlock", "can_unlock_with_code", "can_configure_auto_lock"] {
        assert_eq!(yale[flag], true, "{flag} of {yale}");
    }
    assert_eq!((&yale["properties"]["battery_level"], &yale["properties"]["door_open"]), (&json!(0.8), &json!(false)));
    let device = yale["device_id"].as_str().unwrap();

    let attempt = server.act(UNLOCK, device).await;
    assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}), "{attempt}");
    let truth = house.truth(1).await.unwrap();
    assert_eq!((truth.bolt, truth.moves, truth.commands.len()), (Place::Unlocked, 1, 1));
    let event = server.event(device, |event| event["event_type"] == "lock.unlocked").await;
    assert_eq!((&event["action_attempt_id"], &event["method"]), (&attempt["action_attempt_id"], &json!("remote")));
    let evidence = server.evidence(&attempt).await;
    assert!(evidence.to_string().contains("of node 1"), "{evidence}");
    let body = json!({"device_id": device, "auto_lock_enabled": true, "auto_lock_delay_seconds": 30, "sync": true});
    let (status, answer) = server.call("/locks/configure_auto_lock", body).await;
    assert_eq!((status, &answer["action_attempt"]["status"]), (200, &json!("success")), "{answer}");
    assert_eq!(house.truth(1).await.unwrap().auto_relock, 30);

    let faults = [
        (2, Faults { jam: true, ..Faults::default() }, "lock_jammed"),
        (3, Faults { refuse: Some("Busy"), ..Faults::default() }, "command_rejected"),
    ];
    for (node, faults, error) in faults {
        let device = server.lock(&name(node)).await;
        house.set_faults(node, faults).await.unwrap();
        let attempt = server.act(UNLOCK, &device).await;
        let attempt = server.ended(attempt["action_attempt_id"].as_str().unwrap()).await;
        assert_eq!(attempt["error"]["type"], error, "{attempt}");
        assert_eq!(house.truth(node).await.unwrap().moves, 0, "node {node}");
        house.set_faults(node, Faults::default()).await.unwrap();
    }

    // The same ids after a restart of both sides.
    let other = server.lock(&name(3)).await;
    server.kill();
    hub.kill().await.unwrap();
    server.serve().await;
    hub.restart(&house).await.unwrap();
    assert_eq!(server.lock(&name(3)).await, other);
    let attempt = server.act(LOCK, device).await;
    assert_eq!(attempt["status"], "success", "{attempt}");
    let truth = house.truth(1).await.unwrap();
    assert_eq!((truth.bolt, truth.moves, truth.commands.len()), (Place::Locked, 2, 2));

    hub.kill().await.unwrap();
    server.device(&name(3), |device| device["properties"]["online"] == false).await;
    let attempt = server.act(UNLOCK, &other).await;
    assert_eq!(attempt["error"]["type"], "hub_disconnected", "{attempt}");
    let id = json!({"connected_account_id": account["connected_account_id"]});
    let (_, answer) = server.call("/connected_accounts/get", id).await;
    let warning = &answer["connected_account"]["warnings"][0];
    assert_eq!(warning["warning_code"], "provider_service_unavailable", "{answer}");
    assert!(warning["message"].as_str().unwrap().contains("Matter server"), "{answer}");
}
