//! The task of one session: works through what comes over the connection, in order, and tells the engine.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use thumbturn_core::ports::Signal;
use thumbturn_core::time::Moment;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::connection::Wire;
use super::desk::Shared;
use super::{Hub, Outbox};
use crate::session::Phase;

/// Above this size a message is parsed on a thread of its own: a network of 200 locks introduces itself in 5 MB.
const LONG: usize = 64 * 1024;

/// See the module.
pub(super) struct Session<H: Hub> {
    pub(super) shared: Arc<Shared<H>>,
    pub(super) wires: mpsc::UnboundedReceiver<Wire>,
    pub(super) signals: mpsc::Sender<Signal>,
    pub(super) phase: watch::Sender<Phase>,
}

/// The engine no longer listens.
struct Deaf;

impl<H: Hub> Session<H> {
    /// Runs until the connection is over or the engine no longer listens.
    pub(super) async fn run(mut self) {
        while let Ok(true) = self.step().await {}
        self.shared.desk().hang_up();
    }

    /// One thing that comes; `false` when the connection is over.
    async fn step(&mut self) -> Result<bool, Deaf> {
        let clock = Arc::clone(&self.shared.clock);
        let wake = self.shared.desk().wake_at(clock.now());
        let due = async {
            match wake {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            wire = self.wires.recv() => return self.take(wire).await,
            () = due => {
                let signals = self.shared.desk().tick(self.shared.clock.now());
                self.tell(signals).await?;
                // A clock that returns a hair early must not make this a busy loop.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            () = self.shared.nudge.notified() => {
                let signals = self.shared.desk().settle(Outbox::default(), self.shared.clock.now());
                self.tell(signals).await?;
            }
        }
        Ok(true)
    }

    async fn take(&mut self, wire: Option<Wire>) -> Result<bool, Deaf> {
        match wire {
            Some(Wire::Message(text, at, _share)) => self.message(text, at).await?,
            Some(Wire::Ended(why)) => {
                self.shared.alive.store(false, Ordering::Release);
                self.phase.send_replace(Phase::Ended(why.clone()));
                self.tell([Signal::Lost(why)]).await?;
                return Ok(false);
            }
            None => return Ok(false),
        }
        Ok(true)
    }

    async fn message(&mut self, text: Utf8Bytes, at: Moment) -> Result<(), Deaf> {
        let shared = Arc::clone(&self.shared);
        let read = move |text: &str| {
            let mut answers = None;
            let heard = H::read(text, |number| {
                answers = Some(number);
                shared.desk().take(number)
            });
            (heard, answers)
        };
        let (heard, answers) = if text.len() < LONG {
            read(&text)
        } else {
            tokio::task::spawn_blocking(move || read(&text)).await.unwrap_or_default()
        };
        let signals = {
            let mut desk = self.shared.desk();
            let mut out = Outbox::default();
            if let Some(heard) = &heard {
                desk.hub.hear(heard, at, &mut out);
            }
            // Without an answer that can be understood there is none.
            if let Some((number, heard)) = answers.zip(heard) {
                let unclaimed = match desk.waiting(number) {
                    Some(waiting) => waiting.send(heard).err(),
                    None => Some(heard),
                };
                if let Some(heard) = unclaimed {
                    desk.hub.unclaimed(&heard, &mut out);
                }
            }
            desk.settle(out, at)
        };
        self.tell(signals).await?;
        if *self.phase.borrow() == Phase::Starting && self.shared.desk().hub.is_synced() {
            self.phase.send_replace(Phase::Synced);
        }
        Ok(())
    }

    /// Tells the engine, which may be slower than the hub: the connection goes on meanwhile.
    async fn tell(&self, signals: impl IntoIterator<Item = Signal>) -> Result<(), Deaf> {
        for signal in signals {
            self.signals.send(signal).await.map_err(|_| Deaf)?;
        }
        Ok(())
    }
}
