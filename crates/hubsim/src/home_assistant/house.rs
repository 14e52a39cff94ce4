//! The locks, and the door to them for the integration.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use super::bolt::{Course, Event, Lock};
use super::spec::{Faults, LockSpec, Place, Truth};
use crate::Error;

/// Lines that may wait for an integration.
const WAITING: usize = 4096;

/// Simulated locks, which a [`super::Hub`] is started on. They are gone when this is dropped.
pub struct House {
    inner: Arc<Inner>,
    port: u16,
    serving: JoinHandle<()>,
}

struct Inner {
    locks: Mutex<BTreeMap<String, Lock>>,
    said: broadcast::Sender<String>,
}

impl House {
    /// A house with these locks; all are locked.
    pub async fn with(locks: &[LockSpec]) -> Result<Self, Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(Error::io("open the door of a house"))?;
        let port = listener.local_addr().map_err(Error::io("open the door of a house"))?.port();
        let locks = locks.iter().map(|spec| (spec.name.clone(), Lock::new(spec.clone()))).collect();
        let inner = Arc::new(Inner { locks: Mutex::new(locks), said: broadcast::channel(WAITING).0 });
        let serving = tokio::spawn(serve(Arc::clone(&inner), listener));
        Ok(Self { inner, port, serving })
    }

    /// The port of the door.
    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// Whether some of the locks are those of ZHA.
    pub(super) fn has_zigbee(&self) -> bool {
        self.inner.locks().values().any(|lock| lock.spec.zigbee)
    }

    /// What a lock really did.
    pub fn truth(&self, lock: &str) -> Result<Truth, Error> {
        self.inner.with(lock, |lock| lock.truth.clone())
    }

    /// Has a lock misbehave from now on, or behave again.
    pub fn set_faults(&self, lock: &str, faults: Faults) -> Result<(), Error> {
        let says = self.inner.with(lock, |lock| {
            let was = std::mem::replace(&mut lock.faults, faults);
            (was.unreachable || was.unreadable).then(|| lock.says())
        })?;
        // One that is back in reach makes itself heard.
        if let Some(says) = says.filter(|_| !faults.unreachable && !faults.unreadable) {
            self.inner.say(lock, &says);
        }
        Ok(())
    }

    /// Somebody or something at the door moves a bolt; the lock tells by what, where it knows.
    pub fn turn(&self, lock: &str, to: Place, by: Option<&str>) -> Result<(), Error> {
        self.inner.with(lock, |lock| lock.arrives(to))?;
        let mut says = json!({"state": to.word()});
        if let Some(by) = by {
            says["changed_by"] = json!(by);
        }
        self.inner.say(lock, &says);
        Ok(())
    }

    /// A lock says something, whether it is true or not.
    pub fn say(&self, lock: &str, says: &Value) {
        self.inner.say(lock, says);
    }

    /// A lock is taken away or put up: the integration learns of it when it is loaded the next time.
    pub fn replace(&self, gone: &str, new: Option<LockSpec>) {
        let mut locks = self.inner.locks();
        locks.remove(gone);
        locks.extend(new.map(|spec| (spec.name.clone(), Lock::new(spec))));
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Inner {
    fn locks(&self) -> MutexGuard<'_, BTreeMap<String, Lock>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, lock: &str, act: impl FnOnce(&mut Lock) -> T) -> Result<T, Error> {
        let mut locks = self.locks();
        locks.get_mut(lock).map(act).ok_or_else(|| Error::Problem(format!("there is no lock {lock}")))
    }

    fn say(&self, lock: &str, says: &Value) {
        // Without an integration nobody hears it.
        let _ = self.said.send(json!({"lock": lock, "say": says}).to_string());
    }

    fn hello(&self) -> Value {
        let locks = self.locks();
        let locks: Vec<_> = locks.values().map(|lock| lock.spec.described(&lock.says())).collect();
        json!({"locks": locks})
    }

    /// What is answered to a question; `None` for silence.
    fn answer(self: &Arc<Self>, question: &Value) -> Option<Value> {
        let name = question["lock"].as_str()?;
        let code = question["code"].as_str().map(str::to_owned);
        let mut locks = self.locks();
        let lock = locks.get_mut(name)?;
        let course = match question["do"].as_str()? {
            "lock" => lock.command(Place::Locked, code),
            "unlock" => lock.command(Place::Unlocked, code),
            "code" => lock.write_code(question["slot"].as_u64().and_then(|slot| u32::try_from(slot).ok())?, code),
            _ => {
                lock.truth.reads += 1;
                return (!lock.faults.unreachable && !lock.faults.unreadable).then(|| lock.says());
            }
        };
        drop(locks);
        match course {
            Course::Silence => None,
            Course::Problem(problem) => Some(json!({"problem": problem})),
            Course::Taken(events) => {
                tokio::spawn(Arc::clone(self).happen(name.to_owned(), events));
                Some(json!({}))
            }
        }
    }

    async fn happen(self: Arc<Self>, lock: String, events: Vec<(Duration, Event)>) {
        let began = tokio::time::Instant::now();
        for (after, event) in events {
            tokio::time::sleep_until(began + after).await;
            match event {
                Event::Says(state) => self.say(&lock, &json!({"state": state})),
                Event::Arrives(at) => drop(self.with(&lock, |lock| lock.arrives(at))),
            }
        }
    }
}

async fn serve(inner: Arc<Inner>, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let inner = Arc::clone(&inner);
        // Ends with the integration, which may be killed in the middle of a line, or with the house.
        tokio::spawn(async move {
            let _ = talk(&inner, stream).await;
        });
    }
}

async fn talk(inner: &Arc<Inner>, stream: TcpStream) -> std::io::Result<()> {
    // An answer and what the lock says after it are two small writes.
    stream.set_nodelay(true)?;
    let mut said = inner.said.subscribe();
    let (from, mut to) = stream.into_split();
    let mut questions = BufReader::new(from).lines();
    to.write_all(format!("{}\n", inner.hello()).as_bytes()).await?;
    loop {
        let line = tokio::select! {
            biased;
            question = questions.next_line() => {
                let Some(question) = question? else { return Ok(()) };
                let question: Value = serde_json::from_str(&question)?;
                let Some(mut answer) = inner.answer(&question) else { continue };
                answer["n"] = question["n"].clone();
                answer.to_string()
            }
            line = said.recv() => match line {
                Ok(line) => line,
                Err(_) => return Ok(()),
            },
        };
        to.write_all(format!("{line}\n").as_bytes()).await?;
    }
}
