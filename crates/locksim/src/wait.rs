//! Waiting on conditions with a deadline: tests never sleep for a fixed time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Error;

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(2);

/// Returns as soon as `condition` holds, or [`Error::TimedOut`] naming `what` when it does not hold in time.
pub async fn wait_until(what: &str, within: Duration, condition: impl FnMut() -> bool) -> Result<(), Error> {
    let mut condition = condition;
    wait_for(what, within, || condition().then_some(())).await
}

/// Like [`wait_until`], for a condition that yields something.
pub async fn wait_for<T>(what: &str, within: Duration, mut probe: impl FnMut() -> Option<T>) -> Result<T, Error> {
    let deadline = tokio::time::Instant::now() + within;
    loop {
        if let Some(found) = probe() {
            return Ok(found);
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(Error::TimedOut { what: what.to_owned(), within });
        }
        tokio::time::sleep(STEP).await;
    }
}

/// Locks a mutex; a panic of another thread while it held the lock does not matter to a simulation.
pub(crate) fn guard<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
