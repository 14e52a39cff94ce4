//! The shape of answers: what is left out, what is `null`, and the envelope.

use serde_json::{Value, json};
use thumbturn_api::action_attempts::{
    ActionAttempt, ActionError, ActionResult, ActionType, GetActionAttempt, ListActionAttempts,
};
use thumbturn_api::client_sessions::ClientSession;
use thumbturn_api::devices::{CapabilityFlags, Device, DeviceError, DeviceProperties, UpdateDevice};
use thumbturn_api::events::Event;
use thumbturn_api::health::{GetHealth, Health};
use thumbturn_api::locks::GetLock;
use thumbturn_api::sandbox::SandboxFaults;
use thumbturn_api::{Endpoint, Envelope, Page, Pagination, Timestamp};
use uuid::Uuid;

const NIL: &str = "00000000-0000-0000-0000-000000000000";

fn json_of(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

fn envelope<E: Endpoint>(result: &E::Response) -> Value {
    json_of(Envelope::<E>::new(result))
}

fn time() -> Timestamp {
    serde_json::from_value(json!("2024-01-01T01:00:00.1239+01:00")).unwrap()
}

fn attempt() -> ActionAttempt {
    ActionAttempt::pending(Uuid::nil().into(), ActionType::UnlockDoor)
}

fn device() -> Device {
    Device {
        device_id: Uuid::nil().into(),
        device_type: "schlage_lock".to_owned(),
        display_name: "Front Door".to_owned(),
        nickname: None,
        connected_account_id: Uuid::nil().into(),
        workspace_id: Uuid::nil().into(),
        created_at: time(),
        is_managed: true,
        capabilities_supported: vec!["lock".to_owned()],
        capabilities: CapabilityFlags { can_remotely_unlock: Some(false), ..CapabilityFlags::default() },
        properties: DeviceProperties::default(),
        location: None,
        space_ids: Vec::new(),
        custom_metadata: Default::default(),
        errors: vec![DeviceError::of_account("account_disconnected", "Log in again", time())],
        warnings: Vec::new(),
        device_manufacturer: None,
        device_provider: None,
    }
}

#[test]
fn an_attempt_always_has_all_five_fields() {
    let pending = json!({"action_attempt_id": NIL, "action_type": "UNLOCK_DOOR", "status": "pending",
        "result": null, "error": null});
    assert_eq!(json_of(attempt()), pending);
    let confirmed = attempt().succeeded(ActionResult { was_confirmed_by_device: Some(true) });
    assert_eq!(json_of(confirmed)["result"], json!({"was_confirmed_by_device": true}));
    assert_eq!(json_of(attempt().succeeded(ActionResult::default()))["result"], json!({}));
    let error = ActionError { error_type: "lock_jammed".to_owned(), message: "Jammed".to_owned() };
    let failed = json_of(attempt().failed(error));
    assert_eq!(failed["error"], json!({"type": "lock_jammed", "message": "Jammed"}));
    assert_eq!((&failed["status"], &failed["result"]), (&json!("error"), &Value::Null));
}

#[test]
fn unknown_facts_of_a_device_are_left_out() {
    assert_eq!(
        json_of(device()),
        json!({
            "device_id": NIL, "device_type": "schlage_lock", "display_name": "Front Door", "connected_account_id": NIL,
            "workspace_id": NIL, "created_at": "2024-01-01T00:00:00.123Z", "is_managed": true,
            "capabilities_supported": ["lock"], "can_remotely_unlock": false,
            "properties": {"name": "", "online": false, "appearance": {"name": ""},
                "model": {"display_name": "", "manufacturer_display_name": ""}},
            "space_ids": [], "custom_metadata": {}, "warnings": [],
            "errors": [{"error_code": "account_disconnected", "message": "Log in again",
                "created_at": "2024-01-01T00:00:00.123Z",
                "is_connected_account_error": true, "is_device_error": false}]
        })
    );
    assert_eq!(json_of(serde_json::from_value::<Device>(json_of(device())).unwrap()), json_of(device()));
}

#[test]
fn metadata_of_the_provider_lies_beside_the_other_properties() {
    let mut properties = DeviceProperties { locked: Some(true), ..DeviceProperties::default() };
    properties.provider_metadata.insert("zwave_metadata".to_owned(), json!({"node_id": 5}));
    let wire = json_of(&properties);
    assert_eq!((&wire["locked"], &wire["zwave_metadata"]), (&json!(true), &json!({"node_id": 5})));
    assert_eq!(serde_json::from_value::<DeviceProperties>(wire).unwrap(), properties);
}

#[test]
fn nullable_fields_of_a_session_are_present_and_its_token_is_not_printed() {
    let wire = json!({
        "client_session_id": NIL, "workspace_id": NIL, "token": "seam_cst1canary", "user_identifier_key": null,
        "connected_account_ids": [], "connect_webview_ids": [], "user_identity_ids": [], "device_count": 0,
        "created_at": "2024-01-01T00:00:00.000Z", "expires_at": "2025-01-01T00:00:00.000Z"
    });
    let session: ClientSession = serde_json::from_value(wire.clone()).unwrap();
    assert_eq!(json_of(&session), wire);
    assert!(!format!("{session:?}").contains("canary"));
}

#[test]
fn an_event_is_flat_and_keeps_microseconds() {
    let wire = json!({
        "event_id": NIL, "event_type": "lock.unlocked", "workspace_id": NIL,
        "created_at": "2024-01-01T00:00:00.123456Z", "occurred_at": "2024-01-01T00:00:00.000Z",
        "device_id": NIL, "method": "remote", "code": "canary"
    });
    let event: Event = serde_json::from_value(wire.clone()).unwrap();
    assert_eq!(event.fields.expose()["method"], "remote");
    assert!(!format!("{event:?}").contains("canary"));
    assert_eq!(json_of(event), wire);
}

#[test]
fn the_result_stands_under_every_key() {
    let wire = envelope::<GetLock>(&device());
    assert_eq!(wire["device"], wire["lock"]);
    assert_eq!(wire["ok"], true);
    assert_eq!(envelope::<GetActionAttempt>(&attempt())["action_attempt"], json_of(attempt()));
}

#[test]
fn a_void_endpoint_answers_only_ok() {
    assert_eq!(envelope::<UpdateDevice>(&()), json!({"ok": true}));
}

#[test]
fn health_stands_beside_ok() {
    let health = Health { msg: "fine".to_owned(), last_service_evaluation_at: time(), service_health_statuses: vec![] };
    assert_eq!(
        envelope::<GetHealth>(&health),
        json!({"msg": "fine", "last_service_evaluation_at": "2024-01-01T00:00:00.123Z", "service_health_statuses": [],
            "ok": true})
    );
}

#[test]
fn a_page_says_where_the_next_one_is_even_when_there_is_none() {
    assert_eq!(
        envelope::<ListActionAttempts>(&Page::last(vec![])),
        json!({"action_attempts": [], "ok": true,
            "pagination": {"has_next_page": false, "next_page_cursor": null, "next_page_url": null}})
    );
    let pagination = Pagination { has_next_page: true, next_page_cursor: Some("c".to_owned()), next_page_url: None };
    let wire = envelope::<ListActionAttempts>(&Page { items: vec![attempt()], pagination });
    assert_eq!(wire["pagination"]["next_page_cursor"], "c");
    assert_eq!(wire["action_attempts"].as_array().unwrap().len(), 1);
}

#[test]
fn faults_are_numbers_or_booleans() {
    let wire = json!({"jam": true, "mute": 2, "repeat_after_ms": 4500});
    let faults: SandboxFaults = serde_json::from_value(wire).unwrap();
    assert_eq!(
        json_of(faults),
        json!({"jam": true, "obstruct": false, "ignore": false, "lie": false, "mute": 2, "stale": false,
            "repeat_after_ms": 4500, "busy_ms": 0, "offline": false, "refuse": false, "privacy": false})
    );
}
