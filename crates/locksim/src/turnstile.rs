//! First come, first served: the order is fixed when a ticket is drawn, not when a task happens to be polled.

use std::sync::Mutex;

use tokio::sync::oneshot;

use crate::wait::guard;

/// A queue of one counter.
#[derive(Debug, Default)]
pub(crate) struct Turnstile {
    last: Mutex<Option<oneshot::Receiver<()>>>,
}

/// A place in the queue; the next one's turn comes when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    before: Option<oneshot::Receiver<()>>,
    _mine: oneshot::Sender<()>,
}

impl Turnstile {
    pub(crate) fn draw(&self) -> Ticket {
        let (mine, gone) = oneshot::channel();
        Ticket { before: guard(&self.last).replace(gone), _mine: mine }
    }
}

impl Ticket {
    /// Returns when everybody before has left.
    pub(crate) async fn turn(&mut self) {
        if let Some(before) = self.before.take() {
            // The sender is never used, only dropped: either way the one before is gone.
            let _ = before.await;
        }
    }
}
