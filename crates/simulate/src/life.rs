//! One life of the server, from its start to its crash.
//!
//! A crash cannot stop the engine's tasks; it cuts them off instead: from then on nothing that they ask of the outside
//! returns, and nothing that they do reaches it. For the world that is the same.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

pub(crate) struct Life {
    pub(crate) number: u32,
    over: AtomicBool,
    ending: Notify,
    /// How many more steps it takes until the crash, if one is coming.
    steps_left: Mutex<Option<u64>>,
}

impl Life {
    pub(crate) fn new(number: u32) -> Self {
        Self { number, over: AtomicBool::new(false), ending: Notify::new(), steps_left: Mutex::new(None) }
    }

    /// The server crashes after so many more steps: a step is anything that it does outside of its own memory.
    pub(crate) fn crash_after(&self, steps: u64) {
        *self.steps_left.lock().unwrap_or_else(PoisonError::into_inner) = Some(steps);
    }

    /// Comes between any two things that the server does to the outside. Does not return after a crash.
    pub(crate) async fn step(&self) {
        if self.is_last_step() {
            self.end();
        }
        if self.is_over() {
            std::future::pending::<()>().await;
        }
    }

    fn is_last_step(&self) -> bool {
        let mut left = self.steps_left.lock().unwrap_or_else(PoisonError::into_inner);
        match left.as_mut() {
            Some(0) => true,
            Some(steps) => {
                *steps -= 1;
                false
            }
            None => false,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Ends this life now.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.ending.notify_waiters();
    }

    /// Returns once this life is over.
    pub(crate) async fn ended(&self) {
        let mut ending = pin!(self.ending.notified());
        ending.as_mut().enable();
        if !self.is_over() {
            ending.await;
        }
    }
}
