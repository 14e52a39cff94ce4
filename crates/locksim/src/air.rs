//! What is between the locks and their hub: travel time, and a hub that may be dead or frozen.

use std::sync::Mutex;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use crate::BoltMove;
use crate::hub::Input;
use crate::signal::Signal;
use crate::wait::guard;

/// How many bolt moves a slow listener may lag behind.
const MOVES_KEPT: usize = 4096;

/// The radio between all locks of a simulation and its hub.
#[derive(Debug)]
pub(crate) struct Air {
    runtime: Handle,
    pub(crate) hop: Duration,
    inbox: Mutex<Option<UnboundedSender<Input>>>,
    /// Counts lives of the hub: odd while one runs.
    life: watch::Sender<u64>,
    frozen: watch::Sender<Option<Instant>>,
    pub(crate) moves: broadcast::Sender<BoltMove>,
}

impl Air {
    pub(crate) fn new(runtime: Handle, hop: Duration) -> Self {
        Self {
            runtime,
            hop,
            inbox: Mutex::new(None),
            life: watch::Sender::new(0),
            frozen: watch::Sender::new(None),
            moves: broadcast::Sender::new(MOVES_KEPT),
        }
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(task));
    }

    pub(crate) fn attach(&self, inbox: UnboundedSender<Input>) {
        *guard(&self.inbox) = Some(inbox);
        self.life.send_modify(|life| *life += 1);
    }

    pub(crate) fn detach(&self) {
        if guard(&self.inbox).take().is_some() {
            self.life.send_modify(|life| *life += 1);
        }
        self.frozen.send_replace(None);
    }

    pub(crate) fn life(&self) -> u64 {
        *self.life.borrow()
    }

    /// Returns when the hub that lived at `life` is gone.
    pub(crate) async fn gone(&self, life: u64) {
        // The sender is a field of this very object, so the wait cannot fail while it is borrowed.
        let _ = self.life.subscribe().wait_for(|now| *now != life).await;
    }

    /// The way of something said while the hub lived at `life`; says whether that very hub is there to hear it.
    pub(crate) async fn travel(&self, life: u64) -> bool {
        tokio::time::sleep(self.hop).await;
        self.life() == life
    }

    /// Something for whichever hub listens at this moment; nobody listens to a dead one.
    pub(crate) fn deliver(&self, lock: usize, signal: Signal) {
        self.put(Input::Signal { lock, signal });
    }

    pub(crate) fn put(&self, input: Input) {
        if let Some(inbox) = guard(&self.inbox).as_ref() {
            // A hub that ended between the two lines hears nothing, as intended.
            let _ = inbox.send(input);
        }
    }

    pub(crate) fn freeze_until(&self, end: Option<Instant>) {
        self.frozen.send_replace(end);
    }

    /// Returns when the hub is not, or no longer, frozen.
    pub(crate) async fn thawed(&self) {
        let mut frozen = self.frozen.subscribe();
        loop {
            let end = *frozen.borrow_and_update();
            match end {
                Some(end) if end > Instant::now() => {
                    tokio::select! {
                        () = tokio::time::sleep_until(end) => {}
                        _ = frozen.changed() => {}
                    }
                }
                _ => return,
            }
        }
    }
}
