//! The stick and the locks.

use std::time::Duration;

use serde::Deserialize as _;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{By, Faults, LockSpec, Place, Saying, Tells, Truth};
use crate::Error;
use crate::process::Process;

/// How long a house may take to be built: Node reads a lot of files.
const BUILT_WITHIN: Duration = Duration::from_secs(60);

/// How long it may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// The id of the network, unless another is asked for.
const HOME_ID: u32 = 0x7e57_0001;

/// A network of simulated locks, with the stick that a [`super::Hub`] is put on. It is gone when this is dropped.
pub struct House {
    process: Mutex<Conversation>,
    serial: u16,
}

struct Conversation {
    process: Process,
    number: u64,
}

impl House {
    /// Builds a house with these locks.
    pub async fn with(locks: &[LockSpec]) -> Result<Self, Error> {
        Self::build(locks, &[]).await
    }

    /// Builds a house with these locks, and switches at these nodes.
    pub async fn build(locks: &[LockSpec], switches: &[u32]) -> Result<Self, Error> {
        let spec = json!({"home_id": HOME_ID, "locks": locks, "switches": switches});
        let mut process = super::start("house.mjs", &spec)?;
        let built = process.next("a house", BUILT_WITHIN).await?;
        let serial = built["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let serial = serial.ok_or_else(|| Error::Problem(built.to_string()))?;
        Ok(Self { process: Mutex::new(Conversation { process, number: 0 }), serial })
    }

    /// The port of the stick.
    pub(crate) const fn serial(&self) -> u16 {
        self.serial
    }

    /// What every lock really did, in order of their nodes.
    pub async fn look(&self) -> Result<Vec<Truth>, Error> {
        let answer = self.ask(json!({"do": "look"})).await?;
        let locks = Vec::deserialize(&answer["locks"]);
        locks.map_err(|error| Error::Problem(format!("{error} in {answer}")))
    }

    /// What one lock really did.
    pub async fn truth(&self, node: u32) -> Result<Truth, Error> {
        let found = self.look().await?.into_iter().find(|truth| truth.id == node);
        found.ok_or_else(|| Error::Problem(format!("there is no lock at node {node}")))
    }

    /// Has a lock misbehave from now on, or behave again.
    pub async fn set_faults(&self, node: u32, faults: Faults) -> Result<(), Error> {
        self.ask(json!({"do": "faults", "node": node, "faults": faults})).await.map(drop)
    }

    /// A lock that joins the network as soon as a hub includes a node.
    pub async fn joins(&self, lock: &LockSpec) -> Result<(), Error> {
        self.ask(json!({"do": "joins", "lock": lock})).await.map(drop)
    }

    /// A lock that leaves the network as soon as a hub excludes a node.
    pub async fn leaves(&self, node: u32) -> Result<(), Error> {
        self.ask(json!({"do": "leaves", "node": node})).await.map(drop)
    }

    /// The stick no longer knows a lock, and nobody tells the hub.
    pub async fn vanishes(&self, node: u32) -> Result<(), Error> {
        self.ask(json!({"do": "vanishes", "node": node})).await.map(drop)
    }

    /// Somebody or something at the door moves a bolt, with the slot of a code; the lock tells of it as it does.
    pub async fn act(&self, node: u32, to: Place, by: By, slot: Option<u8>) -> Result<(), Error> {
        let mut order = json!({"do": "act", "node": node, "to": to, "by": by});
        if let Some(slot) = slot {
            order["slot"] = json!(slot);
        }
        self.ask(order).await.map(drop)
    }

    /// A hand moves a bolt, and the lock tells of it in this way.
    pub async fn turn(&self, node: u32, to: Place, tells: Tells) -> Result<(), Error> {
        self.ask(json!({"do": "act", "node": node, "to": to, "by": By::Manual, "tells": tells})).await.map(drop)
    }

    /// Somebody at the lock puts a code into a slot, or empties it.
    pub async fn program(&self, node: u32, slot: u32, code: Option<&str>) -> Result<(), Error> {
        self.ask(json!({"do": "program", "node": node, "slot": slot, "code": code})).await.map(drop)
    }

    /// A lock says something, whether it is true or not.
    pub async fn say(&self, node: u32, saying: Saying) -> Result<(), Error> {
        let mut order = serde_json::to_value(saying).map_err(|error| Error::Problem(error.to_string()))?;
        order["do"] = json!("say");
        order["node"] = json!(node);
        self.ask(order).await.map(drop)
    }

    async fn ask(&self, mut order: Value) -> Result<Value, Error> {
        let mut conversation = self.process.lock().await;
        conversation.number += 1;
        let number = conversation.number;
        order["id"] = json!(number);
        conversation.process.say(&order).await?;
        loop {
            let answer = conversation.process.next("the answer of a house", ANSWERED_WITHIN).await?;
            if answer["id"] != json!(number) {
                continue;
            }
            return match answer["problem"].as_str() {
                Some(problem) => Err(Error::Problem(problem.to_owned())),
                None => Ok(answer),
            };
        }
    }
}
