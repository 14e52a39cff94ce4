//! Scripted hubs: they speak the ports and do to each command what the test says.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use thumbturn_core::accounts::Account;
use thumbturn_core::commands::Command;
use thumbturn_core::devices::{About, Device};
use thumbturn_core::events::Method;
use thumbturn_core::evidence::Words;
use thumbturn_core::ids::{AccountId, AttemptId, NativeId};
use thumbturn_core::locks::{Bolt, Reachability, Traits};
use thumbturn_core::ports::{
    Answer, Clock, ConnectError, Driver, Gate, How, Later, Link, NotWritten, Order, ReadId, Refused, Report, Said,
    Signal,
};
use thumbturn_core::time::Moment;
use tokio::sync::mpsc;

use crate::clock::SimClock;

/// One thing that happens some milliseconds after a command.
pub(crate) type Step = (u64, Word);

/// What can happen.
#[derive(Clone, Debug)]
pub(crate) enum Word {
    Ack,
    NotAck,
    Refuse(Refused),
    /// The bolt moves to the wanted position, silently.
    Move,
    /// The lock says it is where the command wanted it: untagged, or with what moved it.
    Untagged,
    Tagged(Method),
    Assumed,
    Jam,
    Obstruct,
    /// The lock says, untagged, where it was before: the hub's cache.
    Stale,
    /// The lock says again, in this way, that it is where the command wanted it, wherever it is now.
    Repeat(How),
    /// Somebody turns the bolt to the wanted position, and the lock says that it was by hand.
    Hand,
    Lost,
}

/// What the driver does with one command.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// Writes it; then these things happen.
    Write(Vec<Step>),
    /// Never asks its gate.
    Hang,
    /// Asks its gate after so many milliseconds, then writes.
    Dawdle(u64, Vec<Step>),
    /// Writes it and never returns.
    WriteAndHang(Vec<Step>),
    /// Does not write it.
    NotWritten(NotWritten),
    /// A fault of the driver.
    Panic,
    /// Writes it without asking its gate, and returns after so many milliseconds.
    Ungated(u64, Vec<Step>),
}

/// What happens to reads.
#[derive(Clone, Debug)]
pub(crate) enum Reads {
    Answer(u64),
    Fail,
    Never,
    Hang,
    NotWritten,
}

/// In which words a scripted hub passes on what a lock says.
pub(crate) fn words(said: Said) -> Words {
    Words::heard(&format!("{said:?}"))
}

pub(crate) fn obeys() -> Vec<Step> {
    vec![(20, Word::Ack), (500, Word::Move), (500, Word::Tagged(Method::Remote))]
}

#[derive(Clone, Debug)]
pub(crate) struct Wrote {
    pub(crate) attempt: AttemptId,
    pub(crate) wanted: Bolt,
    pub(crate) at: Moment,
}

pub(crate) struct ScriptedLock {
    pub(crate) about: About,
    pub(crate) traits: Traits,
    pub(crate) said: Said,
    pub(crate) reach: Reachability,
    pub(crate) reads: Reads,
    pub(crate) described: bool,
    /// What the next commands meet; afterwards the lock obeys.
    pub(crate) deeds: VecDeque<Deed>,
    /// What it says in a greeting, retained.
    pub(crate) remembered: Option<Said>,
    /// What it says in a greeting, as if just said.
    pub(crate) greets: Option<(Said, How)>,
    /// Where the bolt came to, and when.
    pub(crate) came: Vec<(Moment, Said)>,
}

pub(crate) struct HubState {
    pub(crate) locks: Vec<ScriptedLock>,
    pub(crate) refuses: Option<ConnectError>,
    pub(crate) hangs: bool,
    /// It greets nobody.
    pub(crate) silent: bool,
    /// How long a connection takes after the greeting.
    pub(crate) connects_in: u64,
    pub(crate) wrote: Vec<Wrote>,
    pub(crate) reads: usize,
    /// How often somebody began to connect.
    pub(crate) calls: usize,
    session: Option<(mpsc::Sender<Signal>, Arc<AtomicBool>)>,
}

pub(crate) struct Hub {
    clock: Arc<SimClock>,
    state: Mutex<HubState>,
}

impl Hub {
    pub(crate) fn new(clock: Arc<SimClock>, locks: Vec<ScriptedLock>) -> Arc<Self> {
        let state = HubState {
            locks,
            refuses: None,
            hangs: false,
            silent: false,
            connects_in: 0,
            wrote: Vec::new(),
            reads: 0,
            calls: 0,
            session: None,
        };
        Arc::new(Self { clock, state: Mutex::new(state) })
    }

    pub(crate) fn set<T>(&self, set: impl FnOnce(&mut HubState) -> T) -> T {
        set(&mut self.state.lock().unwrap())
    }

    /// What the next command to lock `n` meets.
    pub(crate) fn next(&self, n: usize, deed: Deed) {
        self.set(|state| state.locks[n].deeds.push_back(deed));
    }

    pub(crate) fn wrote(&self) -> Vec<Wrote> {
        self.set(|state| state.wrote.clone())
    }

    pub(crate) fn reads(&self) -> usize {
        self.set(|state| state.reads)
    }

    pub(crate) fn native(&self, n: usize) -> NativeId {
        self.set(|state| state.locks[n].about.native.clone())
    }

    /// Ends the session, if there is one; the hub takes no other until told.
    pub(crate) async fn go_away(&self) {
        self.set(|state| state.refuses = Some(ConnectError::Unreachable("away".to_owned())));
        self.lose().await;
    }

    pub(crate) fn come_back(&self) {
        self.set(|state| state.refuses = None);
    }

    async fn lose(&self) {
        let session = self.set(|state| state.session.take());
        if let Some((signals, live)) = session {
            live.store(false, Ordering::Release);
            let _ = signals.send(Signal::Lost(ConnectError::Unreachable("lost".to_owned()))).await;
        }
    }

    pub(crate) async fn signal(&self, signal: Signal) {
        let session = self.set(|state| state.session.as_ref().map(|(signals, _)| signals.clone()));
        if let Some(signals) = session {
            let _ = signals.send(signal).await;
        }
    }

    /// Lock `n` says something.
    pub(crate) async fn say(&self, n: usize, said: Said, how: How) {
        let report = Report { said, how, heard: self.clock.now(), occurred_at: None, sequence: None };
        self.signal(Signal::Said(self.native(n), report, Some(words(said)))).await;
    }

    /// The bolt of lock `n` comes to a place.
    fn comes(&self, n: usize, said: Said) {
        let now = self.clock.now();
        self.set(|state| {
            state.locks[n].said = said;
            state.locks[n].came.push((now, said));
        });
    }

    /// Somebody moves the bolt of lock `n` and the lock says so.
    pub(crate) async fn moved(&self, n: usize, to: Bolt, how: How) {
        self.comes(n, Said::At(to));
        self.say(n, Said::At(to), how).await;
    }

    pub(crate) async fn reach(&self, n: usize, reach: Reachability) {
        self.set(|state| state.locks[n].reach = reach);
        self.signal(Signal::Reach(self.native(n), reach)).await;
    }

    fn greeting(&self) -> Vec<Signal> {
        let heard = self.clock.now();
        let mut signals = Vec::new();
        if self.set(|state| state.silent) {
            return signals;
        }
        self.set(|state| {
            for lock in state.locks.iter().filter(|lock| lock.described) {
                let native = lock.about.native.clone();
                signals.push(Signal::Discovered { about: Box::new(lock.about.clone()), traits: lock.traits });
                signals.push(Signal::Reach(native.clone(), lock.reach));
                if let Some((said, how)) = lock.greets {
                    let report = Report { said, how, heard, occurred_at: None, sequence: None };
                    signals.push(Signal::Said(native.clone(), report, None));
                }
                if let Some(said) = lock.remembered {
                    let report = Report { said, how: How::Remembered, heard, occurred_at: None, sequence: None };
                    signals.push(Signal::Said(native, report, None));
                }
            }
        });
        signals.push(Signal::Synced);
        signals
    }

    async fn play(self: Arc<Self>, n: usize, order: Order, before: Said, steps: Vec<Step>) {
        let start = self.clock.now();
        for (after, word) in steps {
            let at = start.after(std::time::Duration::from_millis(after));
            self.clock.sleep_until(at.steadily()).await;
            let bolt = bolt_of(&order);
            let wanted = Said::At(bolt);
            let words = || Some(Words::fixed("answer"));
            let answer =
                |answer| Signal::Answered(order.lock.clone(), order.attempt, answer, self.clock.now(), words());
            match word {
                Word::Ack => self.signal(answer(Answer::Accepted)).await,
                Word::NotAck => self.signal(answer(Answer::NotAcknowledged)).await,
                Word::Refuse(why) => self.signal(answer(Answer::Refused(why))).await,
                Word::Move => self.comes(n, wanted),
                Word::Untagged => self.say(n, wanted, How::Untagged).await,
                Word::Tagged(method) => self.say(n, wanted, How::Tagged(method, None)).await,
                Word::Assumed => self.say(n, wanted, How::Assumed).await,
                Word::Jam => {
                    self.comes(n, Said::Jammed);
                    self.say(n, Said::Jammed, How::Untagged).await;
                }
                Word::Obstruct => self.say(n, Said::Obstructed, How::Untagged).await,
                Word::Stale => self.say(n, before, How::Untagged).await,
                Word::Repeat(how) => self.say(n, wanted, how).await,
                Word::Hand => self.moved(n, bolt, How::Tagged(Method::Manual, None)).await,
                Word::Lost => self.lose().await,
            }
        }
    }
}

/// The driver of all scripted hubs.
#[derive(Default)]
pub(crate) struct ScriptedDriver {
    pub(crate) hubs: Mutex<HashMap<AccountId, Arc<Hub>>>,
}

impl Driver for ScriptedDriver {
    fn connect<'a>(
        &'a self,
        account: &'a Account,
        _known: &'a [Device],
        signals: mpsc::Sender<Signal>,
    ) -> Later<'a, Result<Arc<dyn Link>, ConnectError>> {
        let hub = Arc::clone(&self.hubs.lock().unwrap()[&account.id]);
        Box::pin(async move {
            let (refuses, hangs) = hub.set(|state| {
                state.calls += 1;
                (state.refuses.clone(), state.hangs)
            });
            if hangs {
                std::future::pending::<()>().await;
            }
            if let Some(refuses) = refuses {
                return Err(refuses);
            }
            let live = Arc::new(AtomicBool::new(true));
            hub.set(|state| state.session = Some((signals.clone(), Arc::clone(&live))));
            for signal in hub.greeting() {
                let _ = signals.send(signal).await;
            }
            let ms = hub.set(|state| state.connects_in);
            hub.clock.pass(ms).await;
            Ok(Arc::new(ScriptedLink { hub, live }) as Arc<dyn Link>)
        })
    }
}

struct ScriptedLink {
    hub: Arc<Hub>,
    live: Arc<AtomicBool>,
}

/// Scripted locks have a bolt and nothing else.
fn bolt_of(order: &Order) -> Bolt {
    let Command::Move(wanted) = order.command else { panic!("not a movement") };
    wanted
}

impl ScriptedLink {
    fn write(&self, n: usize, order: &Order, gate: Gate<'_>, steps: Vec<Step>) -> Result<(), NotWritten> {
        use thumbturn_core::locks::Unavailable::HubDisconnected;
        if !self.live.load(Ordering::Acquire) {
            return Err(NotWritten::Unavailable(HubDisconnected));
        }
        if !gate.is_open() {
            return Err(NotWritten::TooLate);
        }
        let before = self.hub.set(|state| {
            let at = self.hub.clock.now();
            state.wrote.push(Wrote { attempt: order.attempt, wanted: bolt_of(order), at });
            state.locks[n].said
        });
        tokio::spawn(Arc::clone(&self.hub).play(n, order.clone(), before, steps));
        Ok(())
    }
}

impl Link for ScriptedLink {
    fn carry_out<'a>(&'a self, order: Order, gate: Gate<'a>) -> Later<'a, Result<(), NotWritten>> {
        Box::pin(async move {
            let (n, deed) = self.hub.set(|state| {
                let n = state.locks.iter().position(|lock| lock.about.native == order.lock).unwrap();
                (n, state.locks[n].deeds.pop_front().unwrap_or_else(|| Deed::Write(obeys())))
            });
            match deed {
                Deed::Write(steps) => self.write(n, &order, gate, steps),
                Deed::Hang => std::future::pending().await,
                Deed::Dawdle(ms, steps) => {
                    self.hub.clock.pass(ms).await;
                    self.write(n, &order, gate, steps)
                }
                Deed::WriteAndHang(steps) => {
                    self.write(n, &order, gate, steps)?;
                    std::future::pending().await
                }
                Deed::NotWritten(why) => Err(why),
                Deed::Ungated(ms, steps) => {
                    let open =
                        Gate::new(&*self.hub.clock, self.hub.clock.now().after(std::time::Duration::from_secs(1)));
                    self.write(n, &order, open, steps)?;
                    self.hub.clock.pass(ms).await;
                    Ok(())
                }
                Deed::Panic => panic!("a fault of the driver"),
            }
        })
    }

    fn ask<'a>(&'a self, lock: &'a NativeId, read: ReadId) -> Later<'a, Result<(), NotWritten>> {
        Box::pin(async move {
            let n = self.hub.set(|state| {
                state.reads += 1;
                state.locks.iter().position(|known| known.about.native == *lock).unwrap()
            });
            let reads = self.hub.set(|state| state.locks[n].reads.clone());
            match reads {
                Reads::Answer(ms) => {
                    let hub = Arc::clone(&self.hub);
                    tokio::spawn(async move {
                        hub.clock.pass(ms).await;
                        let said = hub.set(|state| state.locks[n].said);
                        hub.say(n, said, How::Read(read)).await;
                    });
                }
                Reads::Fail => self.hub.signal(Signal::ReadFailed(lock.clone(), read)).await,
                Reads::Never => {}
                Reads::Hang => std::future::pending().await,
                Reads::NotWritten => return Err(NotWritten::Rejected("no".to_owned())),
            }
            Ok(())
        })
    }
}
