//! A hub as a process: it starts, dies, freezes and restarts; what it says is up to its dialect.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::air::Air;
use crate::link::{Incoming, Link, LinkSpec};
use crate::signal::Signal;
use crate::wait::guard;
use crate::{Broker, Error, Lock, LockSpec};

/// How long the connections of a starting hub may take.
const START_WITHIN: Duration = Duration::from_secs(20);

/// Everything that reaches a hub, in the order in which it takes notice of it.
#[derive(Debug)]
pub(crate) enum Input {
    /// A connection stands and is subscribed.
    Up { link: usize },
    /// A message from the broker.
    Message { link: usize, message: Incoming },
    /// Something was heard of a lock.
    Signal { lock: usize, signal: Signal },
    /// Somebody works on the hub itself.
    Control(Control),
}

/// What can be done to a hub from outside MQTT.
#[derive(Debug)]
pub(crate) enum Control {
    /// Say that a lock is (not) reachable.
    Availability { lock: usize, online: bool },
    /// A new lock joins.
    Join { lock: Arc<Lock>, spec: Box<LockSpec> },
    /// A lock leaves for good.
    Leave { lock: usize },
    /// Announce a lock again.
    Announce { lock: usize },
    /// Clear every retained message of this hub except its state.
    LoseRetained,
}

/// What a dialect wants done after an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Go on.
    Continue,
    /// Open connections for newcomers.
    NewLinks,
    /// The hub was told over MQTT to restart.
    Restart,
}

/// How a hub talks over MQTT. What it remembers survives its restarts.
pub(crate) trait Dialect: Send {
    /// The connections it keeps, each with its sending end.
    fn links(&self) -> Vec<(LinkSpec, Link)>;
    /// A connection stands; `first` unless this life of the hub had it before.
    fn up(&mut self, link: usize, first: bool);
    /// A message came in.
    fn message(&mut self, link: usize, message: &Incoming) -> After;
    /// Something was heard of a lock.
    fn signal(&mut self, lock: usize, signal: Signal);
    /// Somebody works on the hub itself.
    fn control(&mut self, control: Control);
    /// The first lock that answers to this name, address or id now.
    fn find(&self, name: &str) -> Option<Arc<Lock>>;
}

/// The process: at most one life at a time.
pub(crate) struct Hub {
    broker: Broker,
    dialect: Arc<Mutex<Box<dyn Dialect>>>,
    air: Arc<Air>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// How many connections of the present life were begun.
    opened: AtomicUsize,
    restarts: mpsc::UnboundedSender<()>,
}

impl Hub {
    /// A hub that is not running yet, and the signal that it wants to be restarted.
    pub(crate) fn new(
        broker: Broker,
        dialect: Box<dyn Dialect>,
        air: Arc<Air>,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<()>) {
        let (restarts, wanted) = mpsc::unbounded_channel();
        let dialect = Arc::new(Mutex::new(dialect));
        (
            Arc::new(Self { broker, dialect, air, tasks: Mutex::default(), opened: AtomicUsize::new(0), restarts }),
            wanted,
        )
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Lock>> {
        guard(&self.dialect).find(name)
    }

    /// Begins a life; returns when every connection stands and the greetings are on their way.
    pub(crate) async fn start(self: &Arc<Self>) -> Result<(), Error> {
        self.die().await;
        let (inbox, inputs) = mpsc::unbounded_channel();
        let (up, mut ups) = watch::channel(0);
        self.opened.store(0, Ordering::Relaxed);
        let count = self.open_links(&inbox);
        self.air.attach(inbox.clone());
        guard(&self.tasks).push(tokio::spawn(Arc::clone(self).live(inbox, inputs, up)));
        let all = tokio::time::timeout(START_WITHIN, ups.wait_for(|n| *n >= count)).await;
        match all {
            Ok(_) => Ok(()),
            Err(_) => {
                let what = format!("the hub's connection to {}", self.broker.url());
                Err(Error::TimedOut { what, within: START_WITHIN })
            }
        }
    }

    /// Waits until the broker has what the hub has said so far: who subscribes then finds it kept.
    pub(crate) async fn has_arrived(&self) -> Result<(), Error> {
        let links = guard(&self.dialect).links();
        let all = async {
            for (_, link) in links {
                link.arrived().await;
            }
        };
        let late = |_| Error::TimedOut { what: format!("messages at {}", self.broker.url()), within: START_WITHIN };
        tokio::time::timeout(START_WITHIN, all).await.map_err(late)
    }

    /// Opens the connections that the dialect wants and that are not open yet; says how many there are then.
    fn open_links(&self, inbox: &mpsc::UnboundedSender<Input>) -> usize {
        let links = guard(&self.dialect).links();
        let count = links.len();
        let before = self.opened.swap(count, Ordering::Relaxed);
        let mut tasks = guard(&self.tasks);
        for (index, (spec, link)) in links.into_iter().enumerate().skip(before) {
            tasks.push(tokio::spawn(link.run(index, spec, self.broker.clone(), inbox.clone())));
        }
        count
    }

    async fn live(
        self: Arc<Self>,
        inbox: mpsc::UnboundedSender<Input>,
        mut inputs: mpsc::UnboundedReceiver<Input>,
        ups: watch::Sender<usize>,
    ) {
        let mut seen = HashSet::new();
        while let Some(input) = inputs.recv().await {
            self.air.thawed().await;
            let after = handle(&mut **guard(&self.dialect), input, &mut seen);
            ups.send_replace(seen.len());
            match after {
                After::Continue => {}
                After::NewLinks => {
                    self.open_links(&inbox);
                }
                After::Restart if self.restarts.send(()).is_ok() => {}
                After::Restart => return,
            }
        }
    }

    /// Ends the life on the spot: connections are cut without a goodbye, so the broker sends the last will.
    pub(crate) async fn die(&self) {
        self.air.detach();
        let tasks = std::mem::take(&mut *guard(&self.tasks));
        for task in tasks {
            task.abort();
            // Aborted on purpose; waiting makes sure that the connection is closed.
            let _ = task.await;
        }
        for (_, link) in guard(&self.dialect).links() {
            link.cut();
        }
    }

    /// Ends the life without waiting, for `Drop`.
    pub(crate) fn abandon(&self) {
        self.air.detach();
        for task in guard(&self.tasks).drain(..) {
            task.abort();
        }
    }

    /// Stops taking notice of anything for a while; what arrives meanwhile is done at the thaw.
    pub(crate) fn freeze(&self, time: Duration) {
        self.air.freeze_until(Some(Instant::now() + time));
    }

    pub(crate) fn thaw(&self) {
        self.air.freeze_until(None);
    }

    pub(crate) fn control(&self, control: Control) {
        self.air.put(Input::Control(control));
    }
}

fn handle(dialect: &mut dyn Dialect, input: Input, seen: &mut HashSet<usize>) -> After {
    match input {
        Input::Up { link } => dialect.up(link, seen.insert(link)),
        Input::Message { link, message } => return dialect.message(link, &message),
        Input::Signal { lock, signal } => dialect.signal(lock, signal),
        Input::Control(control) => {
            let joins = matches!(control, Control::Join { .. });
            dialect.control(control);
            if joins {
                return After::NewLinks;
            }
        }
    }
    After::Continue
}
