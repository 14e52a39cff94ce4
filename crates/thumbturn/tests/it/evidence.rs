//! Why an attempt ended as it did, over the wire: what is shown, and to whom.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{TestApp, eventually};
use crate::ask::{Ask, Reply};

const EVIDENCE: &str = "/thumbturn/action_attempts/evidence";

fn of(attempt: &Value) -> Value {
    json!({"action_attempt_id": attempt["action_attempt_id"]})
}

async fn evidence(app: &TestApp, attempt: &Value) -> Value {
    app.post(EVIDENCE, of(attempt)).await.field("action_attempt_evidence")
}

/// The names of the stages.
fn stages(evidence: &Value) -> Vec<&str> {
    evidence["stages"].as_array().unwrap().iter().map(|stage| stage["stage"].as_str().unwrap()).collect()
}

fn last(evidence: &Value) -> &Value {
    evidence["stages"].as_array().unwrap().last().unwrap()
}

#[tokio::test]
async fn every_stage_of_an_unlock_is_shown_with_its_time() {
    let app = TestApp::start().await;
    app.set(0, json!({"latency_ms": 50})).await;
    let attempt = app.unlock(0).await;
    let shown = evidence(&app, &attempt).await;
    assert_eq!(shown["action_attempt_id"], attempt["action_attempt_id"]);
    assert_eq!(shown["action_type"], "UNLOCK_DOOR");
    assert_eq!(shown["status"], "success");
    assert_eq!(shown["device_id"], json!(app.own.devices[0]));
    assert_eq!(shown["stages_left_out"], 0);
    let names = stages(&shown);
    assert_eq!(names[..3], ["accepted", "turn_came", "written"]);
    assert!(names.contains(&"acknowledged") && names.contains(&"reported"), "{names:?}");
    let all = shown["stages"].as_array().unwrap();
    assert!(all.is_sorted_by_key(|stage| stage["after_ms"].as_f64().unwrap()));
    assert!(all.is_sorted_by_key(|stage| stage["at"].as_str().unwrap().to_owned()));
    assert_eq!(all[0]["after_ms"], 0.0);
    let report = all.iter().find(|stage| stage["stage"] == "reported").unwrap();
    assert_eq!(
        (&report["said"], &report["how"], &report["method"]),
        (&json!("unlocked"), &json!("tagged"), &json!("remote"))
    );
    assert!(report["after_ms"].as_f64().unwrap() >= 50.0, "{report}");
    assert_eq!(last(&shown)["decided_by"], "reported_remote");
    assert_eq!(shown["raw_message"], "report: unlocked by remote");
    let by_get =
        app.get(&format!("{EVIDENCE}?action_attempt_id={}", attempt["action_attempt_id"].as_str().unwrap())).await;
    assert_eq!(by_get.field("action_attempt_evidence"), shown);
}

#[tokio::test]
async fn a_pending_attempt_shows_that_it_was_accepted() {
    let app = TestApp::start().await;
    app.set(0, json!({"latency_ms": 600})).await;
    let ask = Ask::post("/locks/unlock_door").bearer(&app.own.api_key).header("prefer", "respond-async");
    let pending = app.send(ask.json(app.own.device())).await.field("action_attempt");
    let shown = evidence(&app, &pending).await;
    assert_eq!((stages(&shown), &shown["status"]), (vec!["accepted"], &json!("pending")));
    assert_eq!(shown["raw_message"], Value::Null);
    app.decided(&pending).await;
    assert_eq!(last(&evidence(&app, &pending).await)["stage"], "ended");
}

#[tokio::test]
async fn the_rule_and_the_words_of_other_ends() {
    let app = TestApp::start().await;
    for (fault, error, rule, words) in [
        ("jam", "lock_jammed", "jam_reported", json!("report: jammed")),
        ("refuse", "command_rejected", "refused", json!("command: refused")),
    ] {
        app.set(1, json!({"faults": {fault: 1}})).await;
        let attempt = app.unlock(1).await;
        assert_eq!(attempt["error"]["type"], error, "{fault}");
        let shown = evidence(&app, &attempt).await;
        assert_eq!(last(&shown)["decided_by"], rule, "{fault}");
        assert_eq!(shown["raw_message"], words, "{fault}");
    }
    app.act(2, json!({"action": "power_off"})).await;
    eventually("the lock goes offline", async || (app.device(2).await["properties"]["online"] == false).then_some(()))
        .await;
    let attempt = app.unlock(2).await;
    assert_eq!(attempt["error"]["type"], "device_disconnected");
    let shown = evidence(&app, &attempt).await;
    assert_eq!(stages(&shown), ["accepted", "ended"], "nothing was written");
    assert_eq!((&last(&shown)["decided_by"], &shown["raw_message"]), (&json!("unavailable"), &Value::Null));
}

#[tokio::test]
async fn a_setting_is_decided_by_its_hubs_word() {
    let app = TestApp::start().await;
    let body = json!({"device_id": app.own.devices[0], "auto_lock_enabled": false});
    let attempt = app.attempt("/locks/configure_auto_lock", body).await;
    let shown = evidence(&app, &attempt).await;
    assert_eq!(last(&shown)["decided_by"], "hub_word");
    assert_eq!(shown["raw_message"], "command: accepted");
}

#[tokio::test]
async fn a_session_sees_the_stages_of_its_attempts_and_not_the_hubs_words() {
    let app = TestApp::start().await;
    let (annex, devices) = app.another_account(1).await;
    let token = app.session(&[annex]).await;
    let as_session = |path: &str, body: Value| app.send(Ask::post(path).bearer(&token).json(body));
    let mine = as_session("/locks/unlock_door", json!({"device_id": devices[0]})).await.field("action_attempt");
    let shown = as_session(EVIDENCE, of(&mine)).await.field("action_attempt_evidence");
    assert_eq!(shown["raw_message"], Value::Null);
    let full = evidence(&app, &mine).await;
    assert_eq!(shown["stages"], full["stages"]);
    assert!(full["raw_message"].is_string());
    let with_token = Ask::post(EVIDENCE).bearer(&app.pat).header("seam-workspace", &app.own.workspace.to_string());
    assert_eq!(app.send(with_token.json(of(&mine))).await.field("action_attempt_evidence"), full);
    let not_found = |reply: Reply| {
        reply.assert_refused(404, "action_attempt_not_found");
    };
    not_found(as_session(EVIDENCE, of(&app.unlock(0).await)).await);
    not_found(app.send(Ask::post(EVIDENCE).bearer(&app.foreign.api_key).json(of(&mine))).await);
    not_found(app.post(EVIDENCE, json!({"action_attempt_id": Uuid::new_v4()})).await);
}

#[tokio::test]
async fn a_reset_has_no_lock_and_nothing_is_heard() {
    let app = TestApp::start().await;
    let attempt = app.attempt("/workspaces/reset_sandbox", json!({})).await;
    let shown = evidence(&app, &attempt).await;
    assert_eq!((stages(&shown), &shown["device_id"]), (vec!["accepted"], &Value::Null));
}
