//! What becomes of it when receivers misbehave.

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::support::{ALLOWED, DELAYS, Manner, Receiver, TIMEOUT, deliveries, delivery, has_attempts, made};
use crate::app::{SANDBOX, TestApp, eventually};

#[tokio::test]
async fn what_fails_is_sent_again_under_the_same_id() {
    let app = TestApp::with(SANDBOX, &[ALLOWED, (DELAYS, "50,50")]).await;
    let receiver = Receiver::start(Manner::Status(500)).await;
    let (webhook, secret) = made(&app, &receiver, &["lock.unlocked"]).await;
    app.unlock(0).await;
    receiver.of_type("lock.unlocked", 2).await;
    receiver.now_answers(Manner::Status(200));
    let found = delivery(&app, &webhook, "it is over", |delivery| delivery["next_attempt_at"].is_null()).await;
    let messages = receiver.received();
    assert!(messages.windows(2).all(|pair| pair[0].header("svix-id") == pair[1].header("svix-id")));
    assert!(messages.windows(2).all(|pair| pair[0].body == pair[1].body));
    messages.iter().for_each(|message| message.verify(&[&secret]));
    assert_eq!(found["attempts"].as_array().unwrap().len(), messages.len());
    assert_eq!(found["attempts"][0]["response_status"], 500);
}

#[tokio::test]
async fn redirects_are_failures_and_are_not_followed() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let elsewhere = Receiver::start(Manner::Status(200)).await;
    let receiver = Receiver::start(Manner::Redirect(elsewhere.url.clone())).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
    app.unlock(0).await;
    let found = delivery(&app, &webhook, "it is tried", has_attempts(1)).await;
    assert_eq!(found["attempts"][0]["response_status"], 302);
    assert_eq!(found["status"], "pending");
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn who_hangs_is_given_up_and_left_alone_for_a_minute() {
    let app = TestApp::with(SANDBOX, &[ALLOWED, (TIMEOUT, "100"), (DELAYS, "10")]).await;
    let receiver = Receiver::start(Manner::Hang).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
    app.unlock(0).await;
    let found = delivery(&app, &webhook, "it is tried", has_attempts(1)).await;
    assert_eq!(found["attempts"][0]["error"], "timed_out");
    let at = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(at(&found["next_attempt_at"]).duration_since(at(&found["attempts"][0]["attempted_at"])).as_secs() >= 60);
}

#[tokio::test]
async fn what_has_no_answer_yet_is_listed_and_written_down_when_it_has() {
    let app = TestApp::with(SANDBOX, &[ALLOWED, (TIMEOUT, "3000")]).await;
    let receiver = Receiver::start(Manner::Hang).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
    app.unlock(0).await;
    let found = delivery(&app, &webhook, "it is listed", |_| true).await;
    assert_eq!((&found["status"], &found["attempts"]), (&json!("pending"), &json!([])));
    let found = delivery(&app, &webhook, "it is given up", has_attempts(1)).await;
    assert_eq!(found["attempts"][0]["error"], "timed_out");
    assert_eq!(receiver.received().len(), 1);
    let state =
        async || app.post("/thumbturn/webhooks/list_states", json!({})).await.field("webhook_states")[0].clone();
    eventually("it is known to fail", async || state().await["failing_since"].is_string().then_some(())).await;
}

#[tokio::test]
async fn who_closes_early_or_is_not_there_has_not_received() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closing = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    // Port 1 refuses at once.
    for (url, error) in [(closing.as_str(), "broken_off"), ("http://127.0.0.1:1/", "not_connected")] {
        let made = app.post("/webhooks/create", json!({"url": url, "event_types": ["lock.unlocked"]})).await;
        let webhook = made.field("webhook")["webhook_id"].clone();
        app.unlock(0).await;
        let found = delivery(&app, &webhook, "it is tried", has_attempts(1)).await;
        assert_eq!(found["attempts"][0]["error"], error, "{found:#}");
        app.ok("/webhooks/delete", json!({"webhook_id": webhook})).await;
    }
    serving.abort();
}

/// Takes one message on a connection, answers it as a whole, and closes without having said so.
async fn answer_one(mut stream: tokio::net::TcpStream) {
    let mut message = Vec::new();
    let length =
        |head: &str| head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    loop {
        let text = String::from_utf8_lossy(&message);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && length(head).is_some_and(|length| body.len() >= length)
        {
            break;
        }
        if stream.read_buf(&mut message).await.unwrap() == 0 {
            return;
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
}

#[tokio::test]
async fn who_closes_the_connection_after_each_answer_is_told_at_once_all_the_same() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_one(stream));
        }
    });
    let made = app.post("/webhooks/create", json!({"url": url, "event_types": ["lock.unlocked"]})).await;
    let webhook = made.field("webhook")["webhook_id"].clone();
    for count in 1..=5 {
        app.unlock(0).await;
        let all = eventually("it is delivered", async || {
            let filter = json!({"webhook_id": webhook, "status": "delivered"});
            Some(deliveries(&app, filter).await).filter(|all| all.len() == count)
        })
        .await;
        assert!(all.iter().all(|delivery| delivery["attempts"].as_array().unwrap().len() == 1), "{all:#?}");
    }
    serving.abort();
}

#[tokio::test]
async fn who_hangs_delays_no_other() {
    let app = TestApp::with(SANDBOX, &[ALLOWED, (TIMEOUT, "30000")]).await;
    let (hanging, other) = (Receiver::start(Manner::Hang).await, Receiver::start(Manner::Status(200)).await);
    made(&app, &hanging, &["*"]).await;
    made(&app, &other, &["lock.unlocked"]).await;
    for _ in 0..25 {
        app.unlock(0).await;
    }
    other.of_type("lock.unlocked", 25).await;
    let held = hanging.received().len();
    assert!((1..=16).contains(&held), "{held} messages at once");
}

#[tokio::test]
async fn after_five_days_of_failures_it_is_disabled_until_it_is_enabled() {
    let app = TestApp::with(SANDBOX, &[ALLOWED]).await;
    let receiver = Receiver::start(Manner::Status(500)).await;
    let (webhook, _) = made(&app, &receiver, &["lock.unlocked"]).await;
    let state =
        async || app.post("/thumbturn/webhooks/list_states", json!({})).await.field("webhook_states")[0].clone();
    app.unlock(0).await;
    eventually("it fails", async || state().await["failing_since"].is_string().then_some(())).await;
    assert_eq!(state().await["is_disabled"], false);
    let days_ago = Timestamp::now().as_microsecond() - 6 * 86_400_000_000;
    let database = rusqlite::Connection::open(app.database()).unwrap();
    database.execute("UPDATE webhooks SET failing_since = ?1", [days_ago]).unwrap();
    eventually("it is disabled", async || {
        app.unlock(0).await;
        Some(state().await).filter(|state| state["is_disabled"] == true)
    })
    .await;
    // It is disabled first, so that nothing more comes.
    let disabled = eventually("what was on its way is dropped", async || {
        Some(state().await).filter(|state| state["pending_deliveries"] == 0)
    })
    .await;
    assert!(disabled["disabled_at"].is_string());
    receiver.now_answers(Manner::Status(200));
    let before = receiver.received().len();
    app.unlock(0).await;
    app.ok("/thumbturn/webhooks/enable", json!({"webhook_id": webhook})).await;
    assert_eq!(state().await["is_disabled"], false);
    let unlocked = app.unlock(0).await;
    let told = eventually("it is told again", async || receiver.received().get(before).cloned()).await;
    assert_eq!(told.event()["action_attempt_id"], unlocked["action_attempt_id"], "not of what happened meanwhile");
}
