//! The receiver of docs/webhooks.md in Rust, as it stands there: it verifies what it is told, and prints the type of the
//! event. `WEBHOOK_SECRET=whsec_… cargo run -p thumbturn --example webhook_receiver`

#![expect(clippy::print_stdout, reason = "that is how it shows what it was told")]

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use standardwebhooks::Webhook;

async fn receive(State(webhook): State<std::sync::Arc<Webhook>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if webhook.verify(&body, &headers).is_err() {
        return StatusCode::BAD_REQUEST;
    }
    let Ok(event) = serde_json::from_slice::<serde_json::Value>(&body) else { return StatusCode::BAD_REQUEST };
    println!("{}", event["event_type"]);
    StatusCode::NO_CONTENT
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let webhook = std::sync::Arc::new(Webhook::new(&std::env::var("WEBHOOK_SECRET")?)?);
    let router = Router::new().route("/", post(receive)).with_state(webhook);
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    axum::serve(tokio::net::TcpListener::bind(("127.0.0.1", port)).await?, router).await?;
    Ok(())
}
