//! Pages: cursors that are opaque, bound to their parameters, and survive what happens in between.

use serde_json::{Map, Value, json};

use crate::app::{PUBLIC_URL, TestApp};
use crate::ask::Ask;

fn ids(items: &Value, key: &str) -> Vec<String> {
    items.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

/// Walks through a list; the ids of each page.
async fn walk(app: &TestApp, path: &str, key: &str, id: &str, others: Value) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let mut body = others.clone();
        body["page_cursor"] = cursor;
        let mut answer = app.ok(path, body).await;
        pages.push(ids(&answer[key], id));
        let pagination = answer.remove("pagination").unwrap();
        cursor = pagination["next_page_cursor"].clone();
        if pagination["has_next_page"] == false {
            assert_eq!(pagination, json!({"has_next_page": false, "next_page_cursor": null, "next_page_url": null}));
            return pages;
        }
        assert!(pages.len() < 50, "the list has no end");
    }
}

#[tokio::test]
async fn pages_together_are_the_whole_list() {
    let app = TestApp::start().await;
    for _ in 0..3 {
        app.another_account(1).await;
    }
    for index in 0..5 {
        app.unlock(index).await;
    }
    for (path, key, id, all) in [
        ("/devices/list", "devices", "device_id", 8),
        ("/connected_accounts/list", "connected_accounts", "connected_account_id", 4),
        ("/action_attempts/list", "action_attempts", "action_attempt_id", 5),
    ] {
        let whole = walk(&app, path, key, id, json!({})).await.concat();
        assert_eq!(whole.len(), all, "{path}");
        for limit in [1, 2, 3, all, all + 1] {
            let pages = walk(&app, path, key, id, json!({"limit": limit})).await;
            assert_eq!(pages.concat(), whole, "{path} by {limit}");
            assert!(pages.iter().all(|page| page.len() <= limit));
            assert_eq!(pages.len(), all.div_ceil(limit));
        }
    }
}

async fn first_page(app: &TestApp, body: Value) -> (String, Map<String, Value>) {
    let answer = app.ok("/devices/list", body).await;
    (answer["pagination"]["next_page_cursor"].as_str().unwrap().to_owned(), answer)
}

#[tokio::test]
async fn a_cursor_fits_its_own_parameters_only() {
    let app = TestApp::start().await;
    let (cursor, _) = first_page(&app, json!({"limit": 2})).await;
    for other in [json!({"limit": 3}), json!({}), json!({"limit": 2, "manufacturer": "yale"})] {
        let mut body = other;
        body["page_cursor"] = json!(cursor);
        app.post("/devices/list", body).await.assert_refused(400, "mismatched_page_parameters");
    }
    let elsewhere = json!({"limit": 2, "page_cursor": cursor});
    app.post("/action_attempts/list", elsewhere.clone()).await.assert_refused(400, "mismatched_page_parameters");
    let foreign = Ask::post("/devices/list").bearer(&app.foreign.api_key).json(elsewhere);
    let seen = app.send(foreign).await.field("devices").to_string();
    assert!(!seen.contains(&app.own.workspace.to_string()), "a cursor opened another workspace");
}

#[tokio::test]
async fn a_cursor_that_cannot_be_read_is_invalid_input() {
    let app = TestApp::start().await;
    let (cursor, _) = first_page(&app, json!({"limit": 2})).await;
    let cut = &cursor[..cursor.len() / 2];
    for text in ["x", "?", "null", "%%%", cut, "bm8gY3Vyc29y", &"A".repeat(100_000), "ü", " "] {
        let answer = app.post("/devices/list", json!({"limit": 2, "page_cursor": text})).await;
        answer.assert_refused(400, "invalid_input");
        assert_eq!(answer.body["error"]["validation_errors"]["page_cursor"]["_errors"], json!(["Invalid page cursor"]));
    }
    app.post("/devices/list", json!({"page_cursor": 5})).await.assert_refused(400, "invalid_input");
}

#[tokio::test]
async fn a_cursor_works_by_query_and_by_body_and_in_the_url_that_is_handed_out() {
    let app = TestApp::start().await;
    let body = json!({
        "limit": 2,
        "custom_metadata_has": {"gone": null},
        "device_ids": app.own.devices,
        "created_before": "2124-01-01T00:00:00Z",
        "newer": {"than": "this server"},
        "search": null,
    });
    let (cursor, first) = first_page(&app, body.clone()).await;
    let mut by_body = body;
    by_body["page_cursor"] = json!(cursor);
    let second = app.ok("/devices/list", by_body).await;
    let url = first["pagination"]["next_page_url"].as_str().unwrap();
    assert!(!url.contains("newer"), "{url}");
    let by_url = app.get(url.strip_prefix(PUBLIC_URL).unwrap()).await.ok();
    assert_eq!(by_url["devices"], second["devices"]);
    assert_ne!(by_url["devices"], first["devices"]);
}

#[tokio::test]
async fn the_url_finds_the_page_for_booleans_too() {
    let app = TestApp::start().await;
    for device in &app.own.devices {
        app.ok("/devices/update", json!({"device_id": device, "custom_metadata": {"vip": true, "n": "é &="}})).await;
    }
    let body =
        json!({"limit": 2, "custom_metadata_has": {"vip": true, "n": "é &="}, "include_if": ["can_remotely_unlock"]});
    let (_, first) = first_page(&app, body).await;
    let url = first["pagination"]["next_page_url"].as_str().unwrap();
    let second = app.get(url.strip_prefix(PUBLIC_URL).unwrap()).await.ok();
    assert_eq!(second["devices"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_url_too_long_for_any_client_is_left_out() {
    let app = TestApp::start().await;
    let mut ids: Vec<Value> = app.own.devices.iter().map(|id| json!(id)).collect();
    ids.extend((0..2_000).map(|_| json!(uuid::Uuid::new_v4())));
    let (cursor, answer) = first_page(&app, json!({"limit": 2, "device_ids": ids})).await;
    assert_eq!(answer["pagination"]["next_page_url"], Value::Null);
    let second = app.ok("/devices/list", json!({"limit": 2, "device_ids": ids, "page_cursor": cursor})).await;
    assert_eq!(second["devices"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_page_survives_the_deletion_of_the_item_it_ended_with() {
    let app = TestApp::start().await;
    let mut accounts = Vec::new();
    for _ in 0..3 {
        accounts.push(app.another_account(1).await.0);
    }
    let list = "/connected_accounts/list";
    let first = app.ok(list, json!({"limit": 2})).await;
    let cursor = &first["pagination"]["next_page_cursor"];
    assert_eq!(ids(&first["connected_accounts"], "connected_account_id")[1], accounts[0].to_string());
    app.ok("/connected_accounts/delete", json!({"connected_account_id": accounts[0]})).await;
    let second = app.ok(list, json!({"limit": 2, "page_cursor": cursor})).await;
    let expected: Vec<String> = accounts[1..].iter().map(ToString::to_string).collect();
    assert_eq!(ids(&second["connected_accounts"], "connected_account_id"), expected);
}

#[tokio::test]
async fn locks_are_listed_whole_unless_a_limit_is_asked_for() {
    let app = TestApp::start().await;
    app.another_account(600).await;
    for (body, expected) in [(json!({}), 605), (json!({"limit": null}), 605), (json!({"limit": 7}), 7)] {
        let answer = app.ok("/locks/list", body).await;
        assert_eq!(answer["devices"].as_array().unwrap().len(), expected);
        assert_eq!(answer["devices"], answer["locks"]);
    }
    assert_eq!(app.get("/locks/list").await.field("locks").as_array().unwrap().len(), 605);
}
