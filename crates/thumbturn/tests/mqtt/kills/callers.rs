//! Who calls while the server lives: two people at each lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use serde_json::{Value, json};
use thumbturn_locksim::Bolt;

use crate::server::{PATIENCE, call_with};

/// A call to lock or unlock, under a key of its own.
#[derive(Clone, Debug)]
pub(super) struct Call {
    wanted: Bolt,
    device: String,
    key: String,
    pub(super) answer: Answer,
}

/// What a caller heard.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// Nothing: the server died.
    None,
    /// That it is too early or too much.
    Refused,
    Attempt(Value),
}

impl Call {
    fn new(wanted: Bolt, device: String, key: String) -> Self {
        Self { wanted, device, key, answer: Answer::None }
    }

    async fn make(&self, address: &str, api_key: &str, waits: bool) -> Answer {
        let headers = [("idempotency-key", self.key.as_str()), ("prefer", "respond-async")];
        let headers = if waits { &headers[..1] } else { &headers[..] };
        let path = if self.wanted == Bolt::Unlocked { "/locks/unlock_door" } else { "/locks/lock_door" };
        match call_with(address, api_key, path, json!({"device_id": self.device}), headers).await {
            Ok((200, answer)) => Answer::Attempt(answer["action_attempt"].clone()),
            Ok((503, _)) => Answer::Refused,
            Ok((0, _)) | Err(_) => Answer::None,
            Ok((status, answer)) => panic!("{status}: {answer}"),
        }
    }

    /// Makes the call once more, under the same key, until it is taken.
    pub(super) async fn again(&self, address: &str, api_key: &str) -> Value {
        let started = Instant::now();
        loop {
            match self.make(address, api_key, false).await {
                Answer::Attempt(attempt) => return attempt,
                other => assert!(started.elapsed() < PATIENCE, "the server runs, and answers {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Somebody at a lock.
pub(super) struct Caller {
    pub(super) device: String,
    /// Unlike every other caller's in all lives.
    pub(super) name: String,
    pub(super) address: String,
    pub(super) api_key: String,
    /// Whether it waits for the end of each attempt.
    pub(super) waits: bool,
    pub(super) stop: Arc<AtomicBool>,
}

impl Caller {
    /// Calls until the server is gone; every call that it made.
    pub(super) async fn calls(self, mut chance: Xoshiro256PlusPlus) -> Vec<Call> {
        let mut calls = Vec::new();
        let mut wanted = Bolt::Unlocked;
        while !self.stop.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(chance.random_range(0..self.pause()))).await;
            let mut call = Call::new(wanted, self.device.clone(), format!("{}-{}", self.name, calls.len()));
            call.answer = call.make(&self.address, &self.api_key, self.waits).await;
            let is_over = call.answer == Answer::None;
            calls.push(call);
            if is_over {
                break;
            }
            if chance.random_ratio(3, 4) {
                wanted = if wanted == Bolt::Locked { Bolt::Unlocked } else { Bolt::Locked };
            }
        }
        calls
    }

    fn pause(&self) -> u64 {
        if self.waits { 50 } else { 1500 }
    }
}
