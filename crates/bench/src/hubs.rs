//! What the programs share that measure locks behind a hub.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Connection, Fallible, percentile};

/// How long the server may take to find the locks.
const PATIENCE: Duration = Duration::from_secs(60);

/// Connects the server to a hub with these locks and no others; their ids in the same order, once the server knows where all
/// bolts are.
///
/// # Errors
/// If it does not connect, or does not find them in a minute.
pub async fn connect(server: &mut Connection, account: &Value, names: &[String]) -> Fallible<Vec<String>> {
    let made = server.ask("/thumbturn/connected_accounts/create", account).await?;
    let account = &made["connected_account"]["connected_account_id"];
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let list = server.ask("/devices/list", &json!({"connected_account_id": account})).await?;
        let devices = list["devices"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_known = |device: &&Value| device["properties"]["locked"].is_boolean();
        let named = |name: &String| {
            let found = devices.iter().find(|device| device["properties"]["appearance"]["name"] == name.as_str());
            found.filter(is_known).and_then(|device| device["device_id"].as_str()).map(str::to_owned)
        };
        if devices.len() == names.len()
            && let Some(ids) = names.iter().map(named).collect()
        {
            return Ok(ids);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err("the server does not find the locks".into())
}

/// Unlocks through the server; how long that took.
///
/// # Errors
/// If it is not confirmed.
pub async fn unlock(server: &mut Connection, device: &str) -> Fallible<Duration> {
    let body = format!("{{\"device_id\":\"{device}\"}}");
    let began = Instant::now();
    let (_, answer) = server.call("/locks/unlock_door", body, None).await?;
    let took = began.elapsed();
    let answer: Value = serde_json::from_slice(&answer)?;
    if answer["action_attempt"]["result"]["was_confirmed_by_device"] != true {
        return Err(format!("not confirmed: {answer}").into());
    }
    Ok(took)
}

/// The middle and the slow end of what unlocking took, as the programs print them.
#[must_use]
pub fn figures(mut times: Vec<Duration>) -> Value {
    json!({"median_us": percentile(&mut times, 0.5), "p99_us": percentile(&mut times, 0.99)})
}
