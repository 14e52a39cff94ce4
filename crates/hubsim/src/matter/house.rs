//! The locks.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::Mutex;

use super::{By, Faults, LockSpec, Place, Saying, Truth, folder};
use crate::Error;
use crate::process::{self, Process};

/// How long a house may take to be built: Node reads a lot of files.
const BUILT_WITHIN: Duration = Duration::from_secs(60);

/// How long it may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// Virtual locks in a network of their own, which a [`super::Hub`] is put on. It is gone when this is dropped.
pub struct House {
    process: Mutex<Conversation>,
    built: Built,
}

struct Conversation {
    process: Process,
    number: u64,
}

/// What a house says of itself.
#[derive(Deserialize)]
pub(super) struct Built {
    /// The process whose networks the hub shares.
    pub(super) pid: u32,
    /// The authority that vouches for the locks.
    pub(super) authority: String,
    /// What each lock is commissioned with.
    pub(super) codes: BTreeMap<u32, String>,
}

impl House {
    /// Builds a house with these locks.
    pub async fn with(locks: &[LockSpec]) -> Result<Self, Error> {
        let folder = folder();
        if !folder.join("node_modules/@matter/main").is_dir() {
            return Err(Error::NotInstalled(folder));
        }
        // That of the Z-Wave JS server; the system's is too old on Debian 12.
        let node = process::node(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../e2e/zwave")));
        let mut command = Command::new("sh");
        command.arg(folder.join("apart.sh")).arg(node).arg(folder.join("house.mjs"));
        let mut process = Process::start("house.mjs", command.arg(json!({"locks": locks}).to_string()))?;
        let built = process.next("a house", BUILT_WITHIN).await?;
        let built = Built::deserialize(&built).map_err(|error| Error::Problem(format!("{error} in {built}")))?;
        Ok(Self { process: Mutex::new(Conversation { process, number: 0 }), built })
    }

    pub(super) const fn built(&self) -> &Built {
        &self.built
    }

    /// What every lock really did, in order.
    pub async fn look(&self) -> Result<Vec<Truth>, Error> {
        let answer = self.ask(json!({"do": "look"})).await?;
        let locks = Vec::deserialize(&answer["locks"]);
        locks.map_err(|error| Error::Problem(format!("{error} in {answer}")))
    }

    /// What one lock really did.
    pub async fn truth(&self, lock: u32) -> Result<Truth, Error> {
        let found = self.look().await?.into_iter().find(|truth| truth.id == lock);
        found.ok_or_else(|| Error::Problem(format!("there is no lock {lock}")))
    }

    /// Has a lock misbehave from now on, or behave again.
    pub async fn set_faults(&self, lock: u32, faults: Faults) -> Result<(), Error> {
        self.ask(json!({"do": "faults", "lock": lock, "faults": faults})).await.map(drop)
    }

    /// A new lock; the answer is the code that it is commissioned with.
    pub async fn joins(&self, lock: &LockSpec) -> Result<String, Error> {
        let answer = self.ask(json!({"do": "joins", "lock": lock})).await?;
        let code = answer["code"].as_str().map(str::to_owned);
        code.ok_or_else(|| Error::Problem(answer.to_string()))
    }

    /// The power of a lock comes or goes; it says goodbye before it does.
    pub async fn power(&self, lock: u32, on: bool) -> Result<(), Error> {
        self.ask(json!({"do": "power", "lock": lock, "on": on})).await.map(drop)
    }

    /// Somebody or something at the door moves a bolt, with the user and the credential of a code.
    pub async fn act(&self, lock: u32, to: Place, by: By, code: Option<(u16, u16)>) -> Result<(), Error> {
        let mut order = json!({"do": "act", "lock": lock, "to": to, "by": by});
        if let Some((user, credential)) = code {
            order["user"] = json!(user);
            order["credential"] = json!(credential);
        }
        self.ask(order).await.map(drop)
    }

    /// Somebody at the keypad puts a code into a slot, or empties it.
    pub async fn program(&self, lock: u32, slot: u32, code: Option<&str>) -> Result<(), Error> {
        self.ask(json!({"do": "program", "lock": lock, "slot": slot, "code": code})).await.map(drop)
    }

    /// A lock says something, whether it is true or not.
    pub async fn say(&self, lock: u32, saying: Saying) -> Result<(), Error> {
        let mut order = serde_json::to_value(saying).map_err(|error| Error::Problem(error.to_string()))?;
        order["do"] = json!("say");
        order["lock"] = json!(lock);
        self.ask(order).await.map(drop)
    }

    async fn ask(&self, mut order: Value) -> Result<Value, Error> {
        let mut conversation = self.process.lock().await;
        conversation.number += 1;
        let number = conversation.number;
        order["number"] = json!(number);
        conversation.process.say(&order).await?;
        loop {
            let answer = conversation.process.next("the answer of a house", ANSWERED_WITHIN).await?;
            if answer["number"] != json!(number) {
                continue;
            }
            return match answer["problem"].as_str() {
                Some(problem) => Err(Error::Problem(problem.to_owned())),
                None => Ok(answer),
            };
        }
    }
}
