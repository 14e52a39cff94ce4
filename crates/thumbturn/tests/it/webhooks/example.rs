//! The documents' receiver.

use serde_json::json;
use thumbturn_testports::Port;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::support::{ALLOWED, DELAYS, delivery};
use crate::app::{PATIENCE, SANDBOX, TestApp, eventually};

/// What is pasted from the documents receives.
#[tokio::test]
async fn the_receiver_of_the_documents_takes_what_is_sent_and_nothing_else() {
    let docs = include_str!("../../../../../docs/webhooks.md");
    let shown = docs.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    let program = include_str!("../../../examples/webhook_receiver.rs");
    assert!(program.ends_with(shown), "docs/webhooks.md shows another program than crates/thumbturn/examples");

    let app = TestApp::with(SANDBOX, &[ALLOWED, (DELAYS, "100,100,100,100,100,100,100")]).await;
    let claimed = Port::free().unwrap();
    let port = claimed.number();
    let body = json!({"url": format!("http://127.0.0.1:{port}/"), "event_types": ["lock.unlocked"]});
    let made = app.post("/webhooks/create", body).await.field("webhook");
    let built = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("examples/webhook_receiver");
    let mut receiver = tokio::process::Command::new(built)
        .env("WEBHOOK_SECRET", made["secret"].as_str().unwrap())
        .env("PORT", port.to_string())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    eventually("it listens", async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()).await;
    app.unlock(0).await;
    let mut lines = BufReader::new(receiver.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
    assert_eq!(line.as_deref(), Some("\"lock.unlocked\""));
    delivery(&app, &made["webhook_id"], "it is delivered", |delivery| delivery["status"] == "delivered").await;
    let forged = unsigned(port).await;
    assert!(forged.starts_with("HTTP/1.1 400"), "{forged}");
}

/// What the receiver on this port says to a message that nobody has signed.
async fn unsigned(port: u16) -> String {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}
