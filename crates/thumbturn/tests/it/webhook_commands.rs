//! `thumbturn webhooks`, beside a running server and on a stopped one.

use std::path::Path;

use serde_json::{Value, json};

use crate::app::eventually;
use crate::ask::Ask;
use crate::program::{Ended, Server, place, run};

/// Webhooks may go to private addresses, and each delivery has one attempt.
const SETTINGS: [(&str, &str); 2] =
    [("THUMBTURN_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true"), ("THUMBTURN_WEBHOOKS__RETRY_DELAYS_MS", "")];

/// Nobody listens there.
const DEAD: &str = "http://127.0.0.1:1/hook";

fn webhooks(data: &Path, args: &[&str]) -> Ended {
    let folder = data.display().to_string();
    let mut all = vec!["webhooks"];
    all.extend(args);
    all.extend(["--data-dir", &folder]);
    run(&all, &[])
}

fn told(data: &Path, args: &[&str]) -> Value {
    let mut all = args.to_vec();
    all.push("--json");
    let ended = webhooks(data, &all);
    assert_eq!(ended.code, 0, "{ended:?}");
    serde_json::from_str(&ended.out).unwrap()
}

fn refused(data: &Path, args: &[&str], expected: &str) {
    let ended = webhooks(data, args);
    assert_ne!(ended.code, 0, "{ended:?}");
    assert!(ended.err.contains(expected), "{expected} is not in {}", ended.err);
}

#[tokio::test]
async fn webhooks_are_shown_and_told_again_beside_a_running_server_and_on_a_stopped_one() {
    let place = place();
    let mut server = Server::start(&place.data, &SETTINGS);
    let key = server.told("API key").unwrap();
    let made = Ask::post("/webhooks/create").bearer(&key).json(json!({"url": DEAD, "event_types": ["lock.unlocked"]}));
    let made = server.send(made).await.unwrap().field("webhook");
    let webhook = made["webhook_id"].as_str().unwrap();
    for device in &server.devices(&key).await[..3] {
        server.send(Ask::post("/locks/unlock_door").bearer(&key).json(json!({"device_id": device}))).await.unwrap();
    }
    let failed = || told(&place.data, &["deliveries", webhook, "--status", "failed"]);
    let deliveries =
        eventually("all fail", async || Some(failed()).filter(|failed| failed.as_array().unwrap().len() == 3)).await;
    let delivery = deliveries[0]["webhook_delivery_id"].as_str().unwrap();
    let event = deliveries[0]["event_id"].as_str().unwrap();
    for running in [true, false] {
        if !running {
            server.signal("TERM");
            server.wait();
        }
        let listed = told(&place.data, &["list"]);
        assert_eq!((listed.as_array().unwrap().len(), &listed[0]["url"]), (1, &json!(DEAD)));
        assert_eq!(told(&place.data, &["get", webhook])[0]["event_types"], json!(["lock.unlocked"]));
        let shown = webhooks(&place.data, &["list"]).out;
        assert!(shown.contains(DEAD) && shown.contains(webhook) && shown.contains("failing"), "{shown}");
        let secret = made["secret"].as_str().unwrap();
        assert!(!shown.contains(secret) && !listed.to_string().contains(secret));
        let shown = webhooks(&place.data, &["deliveries", webhook]).out;
        assert!(shown.contains(delivery) && shown.contains("not_connected"), "{shown}");
        let one = told(&place.data, &["deliveries", webhook, "--event", event, "--limit", "5"]);
        assert_eq!(one.as_array().unwrap().len(), 1, "{one:#}");
        let again = told(&place.data, &["replay", webhook, "--delivery", delivery]);
        assert_eq!(again[0]["webhook_delivery_id"], delivery);
        if running {
            eventually("all fail again", async || (failed().as_array().unwrap().len() == 3).then_some(())).await;
        }
        assert_eq!(told(&place.data, &["enable", webhook])[0]["is_disabled"], false);
        let range = ["replay", webhook, "--since", "2020-01-01T00:00:00Z", "--event-type", "lock.unlocked"];
        let whole = told(&place.data, &range);
        // Of a stopped server the one from before waits for the next start.
        assert_eq!(whole["again_count"], if running { 3 } else { 2 }, "{whole:#}");
        assert_eq!((&whole["new_count"], &whole["has_more"]), (&json!(0), &json!(false)));
        if running {
            eventually("all fail again", async || (failed().as_array().unwrap().len() == 3).then_some(())).await;
        }
        let nobody = "0d7a1c54-3b0e-4c5e-8d6f-9a1b2c3d4e5f";
        refused(&place.data, &["get", nobody], "there is no webhook 0d7a1c54");
        refused(&place.data, &["enable", nobody], "there is no webhook 0d7a1c54");
        refused(&place.data, &["replay", webhook, "--delivery", nobody], "there is no delivery 0d7a1c54");
        refused(&place.data, &["replay", webhook], "--since");
        refused(&place.data, &["replay", webhook, "--since", "yesterday"], "--since");
        let backwards = ["replay", webhook, "--since", "2020-01-02T00:00:00Z", "--until", "2020-01-01T00:00:00Z"];
        refused(&place.data, &backwards, "--until must be later than --since");
        let melted = ["replay", webhook, "--since", "2020-01-02T00:00:00Z", "--event-type", "lock.melted"];
        refused(&place.data, &melted, "lock.melted");
    }
    assert_eq!(told(&place.data, &["get", webhook])[0]["pending_deliveries"], 3, "they wait for the next start");
}
