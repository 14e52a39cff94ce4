//! A lock of a Home Assistant opens the way a sandbox lock does.

use serde_json::{Value, json};
use thumbturn_hubsim::home_assistant::{Faults, House, Hub, LockSpec, Place};

use crate::server::Server;

const UNLOCK: &str = "/locks/unlock_door";
const LOCK: &str = "/locks/lock_door";

/// The token was used, with everything logged, and stands nowhere.
fn has_no_secret(server: &Server, token: &str) {
    let log = std::fs::read_to_string(server.log()).unwrap();
    assert!(log.contains("connected to Home Assistant"), "nothing was logged");
    for file in std::fs::read_dir(server.folder()).unwrap() {
        let path = file.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let is_there = bytes.windows(token.len()).any(|window| window == token.as_bytes());
        assert!(!is_there, "the token is in {}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_opens_by_one_call_and_moves_once_and_keeps_its_id() {
    let jams = LockSpec { reads: false, ..LockSpec::named("Back") };
    let house = House::with(&[LockSpec::named("Front"), jams]).await.unwrap();
    let mut hub = Hub::on(&house).await.unwrap();
    let mut server = Server::start(&[("THUMBTURN_LOG", "trace")]).await;
    let config = json!({"url": hub.url(), "token": hub.token()});
    let account = server.connect_hub("home_assistant", config).await;
    assert_eq!(
        (&account["account_type"], &account["errors"], &account["warnings"]),
        (&json!("home_assistant"), &json!([]), &json!([]))
    );
    assert!(!account.to_string().contains(hub.token()), "{account}");
    let front = server.device("Front", |device| device["properties"]["locked"] == true).await;
    assert_eq!((&front["device_type"], &front["properties"]["battery_level"]), (&json!("yale_lock"), &json!(0.8)));
    for (flag, can) in [("can_remotely_lock", true), ("can_remotely_unlock", true)] {
        assert_eq!(front[flag], can, "{flag} of {front}");
    }
    let device = front["device_id"].as_str().unwrap();

    let attempt = server.act(UNLOCK, device).await;
    assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}), "{attempt}");
    let truth = house.truth("Front").unwrap();
    assert_eq!((truth.bolt, truth.moves, truth.commands.len()), (Place::Unlocked, 1, 1));
    assert_eq!(house.truth("Back").unwrap().moves, 0);
    let event = server.event(device, |event| event["event_type"] == "lock.unlocked").await;
    assert_eq!((&event["action_attempt_id"], &event["method"]), (&attempt["action_attempt_id"], &json!("remote")));
    let evidence = server.evidence(&attempt).await;
    assert!(evidence.to_string().contains("state of lock.front: unlocked"), "{evidence}");

    let back = server.lock("Back").await;
    house.set_faults("Back", Faults { jam: true, ..Faults::default() }).unwrap();
    let attempt = server.act(UNLOCK, &back).await;
    let attempt = server.ended(attempt["action_attempt_id"].as_str().unwrap()).await;
    assert_eq!(attempt["error"]["type"], "lock_jammed", "{attempt}");

    // The same ids after a restart of both sides.
    server.kill();
    hub.kill().await.unwrap();
    server.serve().await;
    hub.restart(&house).await.unwrap();
    assert_eq!(server.lock("Front").await, device);
    server.device("Front", |device| device["properties"]["locked"] == false).await;
    let attempt = server.act(LOCK, device).await;
    assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}), "{attempt}");
    let truth = house.truth("Front").unwrap();
    assert_eq!((truth.bolt, truth.moves, truth.commands.len()), (Place::Locked, 2, 2));

    hub.kill().await.unwrap();
    server.device("Front", |device| device["properties"]["online"] == false).await;
    has_no_secret(&server, hub.token());
    let attempt = server.act(UNLOCK, device).await;
    assert_eq!(attempt["error"]["type"], "hub_disconnected", "{attempt}");
    let id = json!({"connected_account_id": account["connected_account_id"]});
    let (_, answer) = server.call("/connected_accounts/get", id).await;
    let warning: &Value = &answer["connected_account"]["warnings"][0];
    assert_eq!(warning["warning_code"], "provider_service_unavailable", "{answer}");
    assert!(warning["message"].as_str().unwrap().contains("Home Assistant"), "{answer}");
}
