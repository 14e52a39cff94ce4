//! Somebody at each lock, who calls one node after the other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::Xoshiro256PlusPlus;
use serde_json::{Value, json};
use thumbturn_locksim::Bolt;

use crate::kills::record::{Clocks, End, Time, id};
use crate::server::call_with;

/// How long a caller waits for one answer: a node that is paused gives none.
const ANSWER: Duration = Duration::from_secs(6);
/// How long a caller goes on asking for what became of one call.
const INSISTS: Duration = Duration::from_secs(60);

/// What callers know of attempts: those that were acknowledged.
pub(super) type Told = HashMap<String, Known>;

/// What a caller knows of one attempt.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// When it was first asked for.
    pub(super) asked: Time,
    /// When it was acknowledged.
    pub(super) answered: Time,
    /// Its end, if that was told.
    pub(super) end: Option<End>,
}

/// Where the nodes listen.
#[derive(Clone, Default)]
pub(super) struct Addresses(Arc<Mutex<Vec<String>>>);

impl Addresses {
    pub(super) fn are(&self, addresses: Vec<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    fn any(&self, chance: &mut Xoshiro256PlusPlus) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all[chance.random_range(0..all.len())].clone()
    }
}

pub(super) struct Caller {
    pub(super) device: String,
    /// Unlike every other caller's.
    pub(super) name: String,
    pub(super) nodes: Addresses,
    pub(super) api_key: String,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) clocks: Clocks,
}

impl Caller {
    /// Calls until it is told to stop. Every attempt that was acknowledged.
    pub(super) async fn calls(self, mut chance: Xoshiro256PlusPlus) -> Told {
        let mut told = Told::new();
        let mut wanted = Bolt::Unlocked;
        for n in 0.. {
            if self.stop.load(Ordering::Acquire) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(chance.random_range(0..150))).await;
            let key = format!("{}-{n}", self.name);
            let asked = self.clocks.at(Instant::now());
            if let Some(attempt) = self.insist(wanted, &key, &mut chance).await {
                let answered = self.clocks.at(Instant::now());
                told.insert(id(&attempt), Known { asked, answered, end: End::of(&attempt) });
            }
            if chance.random_ratio(3, 4) {
                wanted = if wanted == Bolt::Locked { Bolt::Unlocked } else { Bolt::Locked };
            }
        }
        told
    }

    /// Makes one call, again under the same key at any node if there was no answer. `None`: it was refused before anything
    /// was accepted.
    async fn insist(&self, wanted: Bolt, key: &str, chance: &mut Xoshiro256PlusPlus) -> Option<Value> {
        let path = if wanted == Bolt::Unlocked { "/locks/unlock_door" } else { "/locks/lock_door" };
        let started = Instant::now();
        let mut is_open = false;
        loop {
            let address = self.nodes.any(chance);
            let headers = [("idempotency-key", key), ("prefer", "respond-async")];
            let headers = if chance.random() { &headers[..1] } else { &headers[..] };
            let call = call_with(&address, &self.api_key, path, json!({"device_id": self.device}), headers);
            match tokio::time::timeout(ANSWER, call).await {
                Ok(Ok((200, answer))) => return Some(answer["action_attempt"].clone()),
                // Refused for now. What became of an earlier try under this key is still to be found out.
                Ok(Ok((503 | 429, _))) if !is_open => return None,
                Ok(Ok((503 | 429, _))) => {}
                Ok(Ok((0, _))) => {}
                Ok(Ok((status, answer))) => panic!("{status}: {answer}"),
                Ok(Err(_)) | Err(_) => is_open = true,
            }
            assert!(started.elapsed() < INSISTS, "no node says what became of {key}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
