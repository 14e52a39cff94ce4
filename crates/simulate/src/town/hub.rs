//! A simulated hub with its locks. It outlives the server's crashes, as hardware does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thumbturn_core::accounts::Account;
use thumbturn_core::events::Method;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::{Bolt, Reachability};
use thumbturn_core::ports::{Answer, Clock, ConnectError, How, ReadId, Report, Said, Signal};
use tokio::sync::mpsc;

use super::lock::{Deed, Manners, Motion, SimLock, Telling};
use super::trouble::Trouble;
use crate::clock::SimClock;
use crate::door::{Mover, Place};

/// After how long a hub that repeats reports or commands does so.
const REPORT_AGAIN_MS: u64 = 4_400;
const COMMAND_AGAIN_MS: u64 = 13_000;

/// What a connection to the hub meets.
#[derive(Default)]
struct Standing {
    session: Option<Session>,
    down_until: Duration,
    refuses_until: Duration,
    silent_until: Duration,
    hangs_next: bool,
}

/// One connection of the server.
#[derive(Clone)]
pub(crate) struct Session {
    signals: mpsc::Sender<Signal>,
    live: Arc<AtomicBool>,
}

impl Session {
    pub(crate) fn is_live(&self) -> bool {
        self.live.load(Ordering::Acquire)
    }
}

pub(crate) struct Hub {
    pub(crate) account: Account,
    clock: Arc<SimClock>,
    locks: Vec<Mutex<SimLock>>,
    standing: Mutex<Standing>,
}

impl Hub {
    pub(crate) fn new(clock: Arc<SimClock>, account: Account, locks: Vec<SimLock>) -> Self {
        Self { account, clock, locks: locks.into_iter().map(Mutex::new).collect(), standing: Mutex::default() }
    }

    pub(crate) fn size(&self) -> usize {
        self.locks.len()
    }

    /// Looks at lock `n`. Never held over a wait.
    pub(crate) fn lock<T>(&self, n: usize, look: impl FnOnce(&mut SimLock) -> T) -> T {
        look(&mut self.locks[n].lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The lock that the hub calls so.
    pub(crate) fn find(&self, native: &thumbturn_core::ids::NativeId) -> Option<usize> {
        (0..self.size()).find(|n| self.lock(*n, |lock| lock.about.native == *native))
    }

    fn standing<T>(&self, look: impl FnOnce(&mut Standing) -> T) -> T {
        look(&mut self.standing.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn now(&self) -> Duration {
        self.clock.now().steady
    }

    fn after(&self, ms: u64) -> Duration {
        self.now() + Duration::from_millis(ms)
    }

    /// Takes a connection, if it takes one now; its greeting is already on its way then.
    pub(crate) async fn connect(&self, signals: mpsc::Sender<Signal>) -> Result<Session, ConnectError> {
        let now = self.now();
        let (down, refuses, hangs) = self.standing(|standing| {
            let hangs = std::mem::take(&mut standing.hangs_next);
            (standing.down_until > now, standing.refuses_until > now, hangs)
        });
        if hangs {
            std::future::pending::<()>().await;
        }
        if down {
            return Err(ConnectError::Unreachable("The hub is down.".to_owned()));
        }
        if refuses {
            return Err(ConnectError::CredentialsRefused("The hub refuses the login.".to_owned()));
        }
        let session = Session { signals, live: Arc::new(AtomicBool::new(true)) };
        self.standing(|standing| standing.session = Some(session.clone()));
        for signal in self.greeting() {
            let _ = session.signals.send(signal).await;
        }
        Ok(session)
    }

    fn greeting(&self) -> Vec<Signal> {
        let heard = self.clock.now();
        let mut signals = Vec::new();
        for n in 0..self.size() {
            self.lock(n, |lock| {
                let native = lock.about.native.clone();
                let about = Box::new(lock.about.clone());
                signals.push(Signal::Discovered { about, traits: lock.manners.traits() });
                signals.push(Signal::Reach(native.clone(), lock.reach));
                let stale = std::mem::take(&mut lock.greets_stale);
                let word = match (lock.manners, lock.cached) {
                    (Manners::Assumed, _) | (_, None) => None,
                    (Manners::Retained, Some(said)) => Some((said, How::Remembered)),
                    (_, Some(Said::At(bolt))) if stale => Some((Said::At(bolt.other()), How::Untagged)),
                    (_, Some(said)) => lock.dice.one_in(2).then_some((said, How::Remembered)),
                };
                if let Some((said, how)) = word {
                    lock.door.look().line(heard.steady, format_args!("greeting: {said:?} {how:?}"));
                    let report = Report { said, how, heard, occurred_at: None, sequence: None };
                    signals.push(Signal::Said(native, report, None));
                }
            });
        }
        signals.push(Signal::Synced);
        signals
    }

    /// Ends the connection and takes none for a while.
    pub(crate) async fn lose(&self, down_ms: u64) {
        let until = self.after(down_ms);
        let session = self.standing(|standing| {
            standing.down_until = standing.down_until.max(until);
            standing.session.take()
        });
        if let Some(session) = session {
            session.live.store(false, Ordering::Release);
            let _ = session.signals.send(Signal::Lost(ConnectError::Unreachable("lost".to_owned()))).await;
        }
    }

    /// The server is gone: so is its connection.
    pub(crate) fn hang_up(&self) {
        if let Some(session) = self.standing(|standing| standing.session.take()) {
            session.live.store(false, Ordering::Release);
        }
    }

    pub(crate) async fn refuse_logins(&self, ms: u64) {
        let until = self.after(ms);
        self.standing(|standing| standing.refuses_until = until);
        self.lose(0).await;
    }

    /// Nothing passes for a while, in either direction, and the connection stands. Afterwards the hub says again which
    /// locks it reaches.
    pub(crate) async fn fall_silent(&self, ms: u64) {
        let until = self.after(ms);
        self.standing(|standing| standing.silent_until = until);
        self.clock.pass(ms + 1).await;
        for n in 0..self.size() {
            self.reach(n, self.lock(n, |lock| lock.reach)).await;
        }
    }

    pub(crate) async fn hang_next_connection(&self) {
        self.standing(|standing| standing.hangs_next = true);
        self.lose(0).await;
    }

    /// Everything that lasts is over.
    pub(crate) async fn heal(&self) {
        self.standing(|standing| {
            standing.down_until = Duration::ZERO;
            standing.refuses_until = Duration::ZERO;
            standing.silent_until = Duration::ZERO;
            standing.hangs_next = false;
        });
        for n in 0..self.size() {
            self.lock(n, |lock| {
                lock.next = None;
                lock.driver = None;
                lock.reads.clear();
                lock.greets_stale = false;
            });
            self.reach(n, Reachability::Reachable).await;
        }
    }

    fn is_silent(&self) -> bool {
        let now = self.now();
        self.standing(|standing| standing.silent_until > now)
    }

    /// Whether a command or a read comes from the server to lock `n` now.
    pub(crate) fn reaches(&self, n: usize) -> bool {
        !self.is_silent() && self.lock(n, |lock| lock.hears())
    }

    async fn signal(&self, signal: Signal) -> bool {
        let session = self.standing(|standing| standing.session.clone());
        match session {
            Some(session) if !self.is_silent() => session.signals.send(signal).await.is_ok(),
            _ => false,
        }
    }

    pub(crate) async fn reach(&self, n: usize, reach: Reachability) {
        let native = self.lock(n, |lock| {
            lock.reach = reach;
            lock.door.look().line(self.now(), format_args!("its hub calls it {reach:?}"));
            lock.about.native.clone()
        });
        self.signal(Signal::Reach(native, reach)).await;
    }

    /// Lock `n` says something, now.
    pub(crate) async fn say(&self, n: usize, said: Said, how: How, sequence: Option<u64>) {
        let heard = self.utter(n, said, how, sequence).await;
        self.lock(n, |lock| {
            let mut door = lock.door.look();
            if heard
                && let Said::At(bolt) = said
                && matches!(how, How::Untagged | How::Tagged(..))
            {
                door.words.hear(bolt, self.now());
                if door.is_at(bolt) {
                    door.words.newest = Some(self.now());
                }
            }
        });
    }

    /// Lock `n` answers a read that was `asked` then.
    pub(crate) async fn answer_read(&self, n: usize, said: Said, read: ReadId, asked: Duration) {
        if self.utter(n, said, How::Read(read), None).await
            && let Said::At(bolt) = said
        {
            self.lock(n, |lock| lock.door.look().words.hear(bolt, asked));
        }
    }

    /// Whether the server heard it.
    async fn utter(&self, n: usize, said: Said, how: How, sequence: Option<u64>) -> bool {
        let report = Report { said, how, heard: self.clock.now(), occurred_at: None, sequence };
        let native = self.lock(n, |lock| lock.about.native.clone());
        let heard = self.signal(Signal::Said(native, report, None)).await;
        self.lock(n, |lock| {
            lock.door.look().line(self.now(), format_args!("said {said:?} {how:?}, heard: {heard}"));
            // The hub hears it even if nobody listens to the hub; one that is silent hears nothing either.
            let is_silent = self.is_silent();
            if heard && matches!(how, How::Tagged(method, _) if method != Method::Remote) {
                lock.door.look().told_by_other = Some((place_of(said), self.now()));
            }
            if matches!(how, How::Untagged | How::Tagged(..)) {
                if is_silent {
                    lock.door.look().unheard = true;
                } else {
                    lock.door.look().came_through(place_of(said), self.now());
                }
                lock.cached = if is_silent { lock.cached } else { Some(said) };
            }
        });
        heard
    }

    async fn answer(&self, n: usize, attempt: AttemptId, answer: Answer) {
        let native = self.lock(n, |lock| {
            let mut door = lock.door.look();
            door.line(self.now(), format_args!("answered {answer:?} to {attempt}"));
            if answer == Answer::Accepted {
                door.accept(attempt);
            }
            lock.about.native.clone()
        });
        self.signal(Signal::Answered(native, attempt, answer, self.clock.now(), None)).await;
    }

    pub(crate) async fn read_failed(&self, n: usize, read: ReadId) {
        let native = self.lock(n, |lock| lock.about.native.clone());
        self.signal(Signal::ReadFailed(native, read)).await;
    }

    /// A command has been written for lock `n`: what becomes of it, to its end.
    pub(crate) async fn play(self: Arc<Self>, n: usize, attempt: AttemptId, wanted: Bolt, trouble: Option<Trouble>) {
        let (radio, deed) = self.lock(n, |lock| {
            let deed = match trouble {
                Some(trouble) => Deed::under(trouble, &mut lock.dice),
                None => Deed::sound(&mut lock.dice),
            };
            (lock.dice.between(20, 150), deed)
        });
        let before = self.lock(n, |lock| lock.says());
        self.clock.pass(radio).await;
        if !self.reaches(n) {
            self.lock(n, |lock| lock.door.look().line(self.now(), format_args!("{attempt} does not arrive")));
            return;
        }
        let resent = deed.resent && self.lock(n, |lock| lock.manners == Manners::Terse);
        tokio::spawn(Arc::clone(&self).accompany(n, attempt, wanted, before, deed.clone()));
        Arc::clone(&self).run(n, attempt, wanted, deed.motion, deed.telling).await;
        if let Some(ms) = deed.back_after {
            self.clock.pass(ms).await;
            self.turn(n, wanted.other(), Method::Automatic).await;
        }
        if resent {
            self.clock.pass(COMMAND_AGAIN_MS).await;
            self.lock(n, |lock| lock.door.look().line(self.now(), format_args!("its hub sends {attempt} again")));
            self.run(n, attempt, wanted, Motion::Arrives(800), Telling::default()).await;
        }
    }

    /// What the hub says of a command, and makes up.
    async fn accompany(self: Arc<Self>, n: usize, attempt: AttemptId, wanted: Bolt, before: Said, deed: Deed) {
        if deed.claimed {
            self.say(n, Said::At(wanted), How::Assumed, None).await;
        }
        if let Some((ms, answer)) = deed.answer {
            self.clock.pass(ms).await;
            self.answer(n, attempt, answer).await;
        }
        // Only where a read can settle it: elsewhere nobody can tell an old word from a new one.
        if deed.stale && self.lock(n, |lock| lock.manners.traits().readable) {
            self.say(n, before, How::Untagged, None).await;
        }
    }

    /// The motor runs.
    async fn run(self: Arc<Self>, n: usize, attempt: AttemptId, wanted: Bolt, motion: Motion, telling: Telling) {
        let (run, there) = self.lock(n, |lock| {
            if !matches!(motion, Motion::Still) {
                lock.runs += 1;
            }
            (lock.runs, lock.door.look().is_at(wanted))
        });
        let (ms, place, said) = match motion {
            Motion::Still => return,
            Motion::Arrives(ms) => (if there { ms.min(200) } else { ms }, Some(Place::At(wanted)), Said::At(wanted)),
            // A bolt that is there does not move, and what does not move neither sticks nor meets anything.
            Motion::Sticks(_) | Motion::Returns(_) if there => (100, None, Said::At(wanted)),
            Motion::Sticks(ms) => (ms, Some(Place::Stuck), Said::Jammed),
            Motion::Returns(ms) => (ms, None, Said::Obstructed),
            Motion::Forgets(ms) => (ms, None, Said::Unsure),
        };
        self.clock.pass(ms).await;
        let moved = self.lock(n, |lock| {
            if lock.runs != run {
                return None;
            }
            let mut door = lock.door.look();
            let moved = place.is_some_and(|place| place != door.place());
            // Its motor has run, and it says so, also where there was nothing to move.
            if place.is_some() || said == Said::At(wanted) {
                door.run(attempt);
            }
            if let Some(place) = place {
                door.go(place, Mover::Command(attempt), self.now());
            }
            let now_at = door.place();
            door.line(self.now(), format_args!("{attempt} ran: {now_at:?} {}", if moved { "(moved)" } else { "" }));
            Some(moved)
        });
        match moved {
            None => {}
            Some(moved) => self.tell(n, said, Method::Remote, moved, telling).await,
        }
    }

    /// Somebody or something else moves the bolt of lock `n`.
    pub(crate) async fn turn(self: &Arc<Self>, n: usize, to: Bolt, method: Method) {
        let moved = self.lock(n, |lock| {
            let mut door = lock.door.look();
            let moved = !door.is_at(to);
            door.go(Place::At(to), Mover::Hand, self.now());
            door.line(self.now(), format_args!("turned to {to:?}, {method:?} {}", if moved { "(moved)" } else { "" }));
            moved
        });
        if moved {
            Arc::clone(self).tell(n, Said::At(to), method, true, Telling::default()).await;
        }
    }

    /// Lock `n` tells what happened, in its manner.
    async fn tell(self: Arc<Self>, n: usize, said: Said, method: Method, moved: bool, telling: Telling) {
        let (manners, at, splits, repeats_unmoved) = self.lock(n, |lock| {
            let at = self.after(lock.dice.between(10, 120) + telling.late_ms).max(lock.tells_after);
            lock.tells_after = at;
            lock.door.look().unheard |= moved && telling.lost;
            (lock.manners, at, lock.dice.one_in(2), lock.dice.one_in(2))
        });
        let is_position = matches!(said, Said::At(_));
        let is_mute =
            manners == Manners::Assumed || (!moved && is_position && !manners.traits().tags && !repeats_unmoved);
        if telling.lost || is_mute {
            return;
        }
        self.clock.pass(millis(at.saturating_sub(self.now()))).await;
        let slot = (method == Method::Keycode).then_some(1);
        let tagged = How::Tagged(method, slot);
        match manners {
            Manners::Talkative if !is_position || telling.cause_lost => {
                self.say_again(n, said, How::Untagged, None, telling).await;
            }
            Manners::Talkative => {
                if moved && (splits || telling.cause_after_ms.is_some()) {
                    self.say(n, said, How::Untagged, None).await;
                    let ms = telling.cause_after_ms.unwrap_or_else(|| self.lock(n, |lock| lock.dice.between(1, 80)));
                    self.clock.pass(ms).await;
                }
                self.say_again(n, said, tagged, None, telling).await;
            }
            Manners::Counted => {
                let count = self.lock(n, |lock| {
                    lock.count += 1;
                    lock.count
                });
                let how = if is_position { tagged } else { How::Untagged };
                self.say_again(n, said, how, Some(count), telling).await;
            }
            Manners::Terse => self.say_again(n, said, How::Untagged, None, telling).await,
            // A repeat of these cannot be told from a movement by anybody, so they do not.
            Manners::Retained | Manners::Assumed => self.say(n, said, How::Untagged, None).await,
        }
    }

    async fn say_again(self: &Arc<Self>, n: usize, said: Said, how: How, sequence: Option<u64>, telling: Telling) {
        self.say(n, said, how, sequence).await;
        if telling.repeated {
            let hub = Arc::clone(self);
            tokio::spawn(async move {
                hub.clock.pass(REPORT_AGAIN_MS).await;
                hub.utter(n, said, how, sequence).await;
            });
        }
    }
}

/// Where a lock that says so is.
fn place_of(said: Said) -> Place {
    match said {
        Said::At(bolt) => Place::At(bolt),
        Said::Jammed | Said::Obstructed | Said::Unsure => Place::Stuck,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
