//! `/thumbturn/events/stream`: nothing is missed, nothing comes twice, and nobody sees more than is theirs.

use axum::body::Body;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use thumbturn::tokens::TokenKind;
use thumbturn_core::change::Change;
use tokio::time::timeout;
use uuid::Uuid;

use crate::app::{PATIENCE, SANDBOX, TestApp, eventually, new_key, stored_session};
use crate::ask::Ask;

const PATH: &str = "/thumbturn/events/stream";

/// Somebody who follows.
struct Follower {
    body: Body,
    unread: String,
    /// What is sent to go on from here.
    last_id: String,
}

/// What is told at once: an event, or the place alone.
#[derive(Debug)]
struct Told {
    event: Option<Value>,
}

impl Follower {
    async fn of(app: &TestApp, ask: Ask) -> Self {
        let answer = app.open(ask).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let mut follower = Self { body: answer.into_body(), unread: String::new(), last_id: String::new() };
        let hello = follower.told().await.unwrap();
        assert!(hello.event.is_none(), "the place comes first");
        follower
    }

    async fn own(app: &TestApp, query: &str) -> Self {
        Self::of(app, Ask::get(format!("{PATH}{query}")).bearer(&app.own.api_key)).await
    }

    /// Comes back after everything that `last_id` names.
    async fn again(app: &TestApp, last_id: &str) -> Self {
        Self::of(app, Ask::get(PATH).bearer(&app.own.api_key).header("last-event-id", last_id)).await
    }

    /// What is told next; `None` at the end of the stream.
    async fn told(&mut self) -> Option<Told> {
        let told = async {
            loop {
                if let Some((block, rest)) = self.unread.split_once("\n\n") {
                    let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
                    let id = line("id: ").expect("every word moves the place").to_owned();
                    let event = line("data: ").map(|data| serde_json::from_str(data).unwrap());
                    self.unread = rest.to_owned();
                    self.last_id = id;
                    return Some(Told { event });
                }
                let piece = self.body.frame().await?.ok()?.into_data().unwrap();
                self.unread.push_str(std::str::from_utf8(&piece).unwrap());
            }
        };
        timeout(PATIENCE, told).await.expect("nothing was told")
    }

    /// The next event.
    async fn event(&mut self) -> Value {
        loop {
            if let Some(event) = self.told().await.expect("the stream ended").event {
                return event;
            }
        }
    }

    /// The ids of the events up to the movement that the attempt made: the last one of its commit.
    async fn until_moved(&mut self, attempt: &Value) -> Vec<String> {
        let mut ids = Vec::new();
        loop {
            let event = self.event().await;
            ids.push(id_of(&event));
            if event["event_type"].as_str().unwrap().starts_with("lock.")
                && event["action_attempt_id"] == attempt["action_attempt_id"]
            {
                return ids;
            }
        }
    }

    /// Nothing is told before the end of the stream.
    async fn assert_over(&mut self) {
        while let Some(told) = self.told().await {
            assert!(told.event.is_none(), "{told:?}");
        }
    }
}

fn id_of(event: &Value) -> String {
    event["event_id"].as_str().unwrap().to_owned()
}

/// The ids of all events since then, as the list has them.
async fn listed(app: &TestApp, since: &str) -> Vec<String> {
    let events = app.post("/events/list", json!({"since": since})).await.field("events");
    events.as_array().unwrap().iter().map(id_of).collect()
}

#[tokio::test]
async fn an_unlock_is_told_as_the_list_tells_it() {
    let app = TestApp::start().await;
    let mut follower = Follower::own(&app, "").await;
    let since = follower.last_id.clone();
    let attempt = app.unlock(0).await;
    let told = follower.until_moved(&attempt).await;
    assert_eq!(told, listed(&app, &since).await);
    let mut again = Follower::again(&app, &since).await;
    let listed = app.post("/events/list", json!({"since": since})).await.field("events");
    for event in listed.as_array().unwrap() {
        assert_eq!(again.event().await, *event);
        assert_eq!(again.last_id, event["created_at"].as_str().unwrap());
    }
}

#[tokio::test]
async fn whoever_leaves_after_any_word_goes_on_without_a_gap() {
    let app = TestApp::start().await;
    let since = Follower::own(&app, "").await.last_id;
    let mut last = json!(null);
    for index in [0, 1, 2] {
        last = app.unlock(index).await;
    }
    let all = listed(&app, &since).await;
    assert!(all.len() >= 6, "{all:?}");
    let mut place = since;
    let mut seen = Vec::new();
    // One event each, then it leaves.
    while seen.len() < all.len() {
        let mut follower = Follower::again(&app, &place).await;
        seen.push(id_of(&follower.event().await));
        place = follower.last_id;
    }
    assert_eq!(seen, all);
    let mut follower = Follower::again(&app, &place).await;
    let attempt = app.attempt("/locks/lock_door", json!({"device_id": app.own.devices[0]})).await;
    assert_ne!(attempt["action_attempt_id"], last["action_attempt_id"]);
    follower.until_moved(&attempt).await;
}

#[tokio::test]
async fn under_load_every_follower_sees_everything_once_and_in_order() {
    let app = TestApp::start().await;
    let mut followers = Vec::new();
    for _ in 0..5 {
        followers.push(Follower::own(&app, "").await);
    }
    let since = followers[0].last_id.clone();
    for round in 0..20 {
        let path = if round % 2 == 0 { "/locks/unlock_door" } else { "/locks/lock_door" };
        let calls = app.own.devices.iter().map(|device| app.attempt(path, json!({"device_id": device})));
        futures::future::join_all(calls).await;
    }
    let all = listed(&app, &since).await;
    assert!(all.len() >= 200, "{}", all.len());
    for follower in &mut followers {
        for id in &all {
            assert_eq!(id_of(&follower.event().await), *id);
        }
    }
}

#[tokio::test]
async fn filters_let_through_what_the_list_would() {
    let app = TestApp::start().await;
    let device = app.own.devices[1];
    let mut follower = Follower::own(&app, &format!("?event_type=lock.unlocked&device_id={device}")).await;
    let mut space = Follower::own(&app, &format!("?space_id={}", Uuid::new_v4())).await;
    let mut codes = Follower::own(&app, &format!("?access_code_id={}", Uuid::new_v4())).await;
    app.unlock(0).await;
    app.unlock(1).await;
    let event = follower.event().await;
    assert_eq!((&event["event_type"], &event["device_id"]), (&json!("lock.unlocked"), &json!(device)));
    app.app.drain().await;
    follower.assert_over().await;
    space.assert_over().await;
    codes.assert_over().await;
    assert!(space.last_id >= follower.last_id, "what does not match moves the place too");
}

#[tokio::test]
async fn tenants_and_sessions_see_what_is_theirs() {
    let app = TestApp::start().await;
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    let outside = stored_session(&app.store, app.own.workspace, &[], later, None).await;
    let inside = stored_session(&app.store, app.own.workspace, &[app.own.account], later, None).await;
    let mut foreign = Follower::of(&app, Ask::get(PATH).bearer(&app.foreign.api_key)).await;
    let mut outside = Follower::of(&app, Ask::get(PATH).bearer(&outside)).await;
    let mut inside = Follower::of(&app, Ask::get(PATH).header("seam-client-session-token", &inside)).await;
    let attempt = app.unlock(0).await;
    inside.until_moved(&attempt).await;
    app.app.drain().await;
    foreign.assert_over().await;
    outside.assert_over().await;
}

#[tokio::test]
async fn a_revoked_credential_is_told_nothing_more() {
    let app = TestApp::start().await;
    let kept = Follower::own(&app, "").await.last_id;
    let key = new_key(&app.store, TokenKind::ApiKey, Some(app.own.workspace), None).await;
    let mut follower = Follower::of(&app, Ask::get(PATH).bearer(&key)).await;
    let attempt = app.unlock(0).await;
    follower.until_moved(&attempt).await;
    let keys = app.store.keys(None).await.unwrap();
    let id = keys.iter().find(|stored| key.contains(&stored.short)).unwrap().id;
    app.store.commit(Change::KeyRevoked { key: id, at: Timestamp::now() }).await.unwrap();
    app.unlock(1).await;
    follower.assert_over().await;
    assert!(listed(&app, &kept).await.len() > 2);
    app.send(Ask::get(PATH).bearer(&key)).await.assert_refused(401, "unauthorized");
}

#[tokio::test]
async fn too_many_followers_are_told_to_come_back_and_seats_are_free_again() {
    let app = TestApp::with(SANDBOX, &[("THUMBTURN_LIMITS__EVENT_STREAMS", "2")]).await;
    let one = Follower::own(&app, "").await;
    let _two = Follower::own(&app, "").await;
    let ask = || Ask::get(PATH).bearer(&app.own.api_key);
    app.send(ask()).await.assert_refused(503, "service_unavailable");
    assert_eq!(app.app.followers(), 2);
    assert_eq!(app.app.running_requests(), 0, "who follows keeps no place of a request");
    drop(one);
    eventually("the seat is free", async || (app.app.followers() == 1).then_some(())).await;
    Follower::own(&app, "").await;
}

#[tokio::test]
async fn what_ends_while_the_server_stops_is_told_before_the_stream_ends() {
    let app = TestApp::start().await;
    let slow = json!({"device_id": app.own.devices[0], "latency_ms": 400});
    app.ok("/thumbturn/sandbox/locks/set", slow).await;
    let mut follower = Follower::own(&app, "").await;
    let ask = Ask::post("/locks/unlock_door").bearer(&app.own.api_key).json(app.own.device());
    let attempt = app.send(ask.header("prefer", "respond-async")).await.field("action_attempt");
    app.app.drain().await;
    follower.until_moved(&attempt).await;
    follower.assert_over().await;
}

#[tokio::test]
async fn a_place_that_was_pruned_is_a_place_all_the_same() {
    let app = TestApp::start().await;
    let since = Follower::own(&app, "").await.last_id;
    app.unlock(0).await;
    let now = Timestamp::now();
    app.store.delete_older(now, now, now).await.unwrap();
    let mut follower = Follower::again(&app, &since).await;
    let attempt = app.unlock(1).await;
    let told = follower.until_moved(&attempt).await;
    assert_eq!(told, listed(&app, &since).await);
}

#[tokio::test]
async fn the_head_alone_is_answered_too() {
    let app = TestApp::start().await;
    let ask = Ask::new(Method::HEAD, PATH).bearer(&app.own.api_key);
    let answer = app.open(ask).await;
    assert_eq!(answer.status(), StatusCode::OK);
    drop(answer);
    eventually("the seat is free", async || (app.app.followers() == 0).then_some(())).await;
}
