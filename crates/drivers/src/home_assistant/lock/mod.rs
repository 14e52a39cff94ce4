//! One lock as a value: what its state tells (here), what came of what was asked of it (`asked`), and when it locks itself
//! (`auto_lock`).
//!
//! Home Assistant tells a state only when it changes. That it is gone for a moment happens with every reload, and is ridden
//! over.

mod asked;
mod auto_lock;

use std::collections::BTreeMap;
use std::time::Duration;

use thumbturn_core::devices::About;
use thumbturn_core::evidence::Words;
use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::{Bolt, Reachability, Traits};
use thumbturn_core::ports::{How, Said, Signal};
use thumbturn_core::time::Moment;

use self::asked::OpenRead;
use self::auto_lock::Relock;
use super::codes::Keypad;
use super::entity::{Changes, Entity, Standing};
use super::{Outbox, cause};

/// How long before its deadline a command must be written: integrations try for some seconds.
const MARGIN: Duration = Duration::from_secs(10);

/// How long a movement may take of which nothing is told.
const SETTLE: Duration = Duration::from_secs(8);

/// The same where no movement is expected.
const SETTLE_UNCHANGED: Duration = Duration::from_secs(1);

/// How long an entity may be unavailable before its lock is called offline.
const AWAY: Duration = Duration::from_secs(5);

/// How long a state may be unknown before the lock is taken at its word.
const UNSURE: Duration = Duration::from_secs(3);

/// How long a guess must stand before it is the best there is. Hubs that guess ask their lock after 5 s.
const GUESS_STANDS: Duration = Duration::from_secs(10);

/// How long after a movement its cause may be told.
const LATE_CAUSE: Duration = Duration::from_millis(1500);

/// What a lock's state is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    /// It is the lock's word, and the lock can be asked.
    Asked,
    /// It is the lock's word.
    Heard,
    /// After a command it is first what the integration guesses.
    Guessed,
    /// It is always a guess, and called so.
    Supposed,
}

impl Nature {
    const fn traits(self) -> Traits {
        Traits {
            reports: matches!(self, Self::Asked | Self::Heard),
            readable: matches!(self, Self::Asked),
            tags: false,
            margin: MARGIN,
            settle: SETTLE,
            settle_unchanged: SETTLE_UNCHANGED,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Lock {
    pub(super) native: NativeId,
    pub(super) entity: String,
    pub(super) keypad: Keypad,
    about: About,
    nature: Nature,
    standing: Standing,
    /// What the engine was told last of the bolt.
    told: Option<Said>,
    told_at: Option<Moment>,
    /// What the engine was told last of the way to the lock.
    is_reachable: Option<bool>,
    away_since: Option<Moment>,
    unsure_since: Option<Moment>,
    guessed_at: Option<Moment>,
    reads: Vec<OpenRead>,
    /// When the integration is to be asked to look, if the lock says nothing before.
    look_at: Option<Moment>,
    /// The charge of each battery of the device, in percent.
    batteries: BTreeMap<String, f64>,
    /// Whether the door stands open.
    door: Option<bool>,
    /// When it locks itself.
    relock: Relock,
}

impl Lock {
    /// A lock of which nothing was told yet. What the registries do not tell is as `about` has it, until it is known better.
    pub(super) fn new(entity: &str, keypad: Keypad, about: About, nature: Nature) -> Self {
        let relock = Relock::with(about.can_configure_auto_lock);
        Self {
            native: about.native.clone(),
            entity: entity.to_owned(),
            keypad,
            about,
            nature,
            standing: Standing::Unknown,
            told: None,
            told_at: None,
            is_reachable: None,
            away_since: None,
            unsure_since: None,
            guessed_at: None,
            reads: Vec::new(),
            look_at: None,
            batteries: BTreeMap::new(),
            door: None,
            relock,
        }
    }

    /// Introduces the lock to the engine, with what Home Assistant remembers of it.
    pub(super) fn introduce(&mut self, entity: &Entity, at: Moment, out: &mut Outbox) {
        out.tell(self.discovered());
        self.standing = entity.standing();
        match self.standing {
            Standing::Away => self.away_since = Some(at),
            Standing::Moving | Standing::Unknown => self.back(out),
            Standing::Says(said) => {
                self.back(out);
                let how = if self.nature == Nature::Supposed { How::Assumed } else { How::Remembered };
                self.told = (how == How::Remembered).then_some(said);
                out.said(&self.native, said, how, at, None);
            }
        }
    }

    fn discovered(&self) -> Signal {
        Signal::Discovered { about: Box::new(self.about.clone()), traits: self.nature.traits() }
    }

    /// What is known of the lock may have changed.
    pub(super) fn describe(&mut self, entity: &str, mut about: About, nature: Nature, out: &mut Outbox) {
        entity.clone_into(&mut self.entity);
        about.can_configure_auto_lock = self.relock.is_offered();
        if (&about, nature) != (&self.about, self.nature) {
            (self.about, self.nature) = (about, nature);
            out.tell(self.discovered());
        }
    }

    /// The lock has another name.
    pub(super) fn rename(&mut self, name: String, out: &mut Outbox) {
        if self.about.name != name {
            self.about.name = name;
            out.tell(self.discovered());
        }
    }

    /// Its entity has told something.
    pub(super) fn hear(&mut self, entity: &Entity, changes: Changes, at: Moment, out: &mut Outbox) {
        self.standing = entity.standing();
        match self.standing {
            Standing::Away => self.lost(at),
            Standing::Moving => self.back(out),
            Standing::Unknown => {
                self.back(out);
                if self.told.is_some() {
                    self.unsure_since.get_or_insert(at);
                }
            }
            Standing::Says(said) => {
                self.back(out);
                self.unsure_since = None;
                self.says(said, entity, changes, at, out);
            }
        }
    }

    /// Its entity is not there, or says that the lock is not.
    pub(super) fn lost(&mut self, at: Moment) {
        self.standing = Standing::Away;
        self.relock.lost();
        self.unsure_since = None;
        self.away_since.get_or_insert(at);
    }

    fn back(&mut self, out: &mut Outbox) {
        self.away_since = None;
        self.ask_parameters(out);
        self.reach(true, out);
    }

    fn reach(&mut self, is_reachable: bool, out: &mut Outbox) {
        if self.is_reachable.replace(is_reachable) != Some(is_reachable) {
            let reach = if is_reachable { Reachability::Reachable } else { Reachability::Unreachable };
            out.tell(Signal::Reach(self.native.clone(), reach));
        }
    }

    fn says(&mut self, said: Said, entity: &Entity, changes: Changes, at: Moment, out: &mut Outbox) {
        let cause = entity.changed_by.as_deref().filter(|_| changes.cause).and_then(cause::method);
        let is_late = self.told_at.is_some_and(|told| at.since(told) <= LATE_CAUSE);
        let is_news = self.told != Some(said) || (cause.is_some() && (changes.state || is_late));
        if self.is_guess(entity) {
            self.guessed(said, at, out);
        } else if let Some(method) = cause.filter(|_| is_news) {
            self.tell(said, How::Tagged(method, None), at, out);
        } else if is_news && self.reads.is_empty() {
            // What comes while the lock is asked is the answer to that.
            self.tell(said, How::Untagged, at, out);
        }
    }

    /// Whether a state is what the integration makes of a command, and not what the lock said.
    const fn is_guess(&self, entity: &Entity) -> bool {
        match self.nature {
            Nature::Supposed => true,
            Nature::Guessed => entity.is_by_user,
            Nature::Asked | Nature::Heard => entity.is_assumed,
        }
    }

    /// Nobody knows where the bolt is until the guess has stood for a while.
    fn guessed(&mut self, said: Said, at: Moment, out: &mut Outbox) {
        out.said(&self.native, said, How::Assumed, at, Some(self.words(said)));
        if self.nature == Nature::Guessed && self.told != Some(said) {
            self.forget(at, out);
            self.guessed_at = Some(at);
        }
    }

    fn forget(&mut self, at: Moment, out: &mut Outbox) {
        if self.told.take().is_some() {
            out.said(&self.native, Said::Unsure, How::Untagged, at, None);
        }
    }

    fn tell(&mut self, said: Said, how: How, at: Moment, out: &mut Outbox) {
        self.told = Some(said);
        self.told_at = Some(at);
        self.guessed_at = None;
        self.look_at = None;
        out.said(&self.native, said, how, at, Some(self.words(said)));
    }

    /// The words for a state: its own, and nothing of what else the entity tells.
    fn words(&self, said: Said) -> Words {
        let state = match said {
            Said::At(Bolt::Locked) => "locked",
            Said::At(Bolt::Unlocked) => "unlocked",
            Said::Jammed => "jammed",
            Said::Obstructed | Said::Unsure => "unknown",
        };
        Words::heard(&format!("state of {}: {state}", self.entity))
    }

    /// Something beside the lock, on the same device, has told something.
    pub(super) fn beside(&mut self, name: &str, entity: &Entity, out: &mut Outbox) {
        if name.starts_with("sensor.") {
            match entity.battery() {
                Some(level) => self.charged(name, level, out),
                // It is no longer known, which changes nothing that was told.
                None => drop(self.batteries.remove(name)),
            }
        } else if let Some(open) = entity.door()
            && self.door.replace(open) != Some(open)
        {
            out.tell(Signal::Door(self.native.clone(), open));
        }
    }

    /// Of several batteries the weakest counts: the lock or its keypad stops with it.
    fn charged(&mut self, name: &str, level: f64, out: &mut Outbox) {
        let lowest = |batteries: &BTreeMap<String, f64>| batteries.values().copied().reduce(f64::min);
        let before = lowest(&self.batteries);
        self.batteries.insert(name.to_owned(), level);
        let now = lowest(&self.batteries);
        if let Some(level) = now.filter(|_| now != before) {
            out.tell(Signal::Battery(self.native.clone(), level / 100.0));
        }
    }

    /// Whether commands are taken for it.
    pub(super) fn takes_commands(&self) -> bool {
        self.standing != Standing::Away
    }

    /// When something is due.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        let away = self.away_since.filter(|_| self.is_reachable != Some(false)).map(|since| since.after(AWAY));
        let unsure = self.unsure_since.map(|since| since.after(UNSURE));
        let guess = self.guessed_at.map(|at| at.after(GUESS_STANDS));
        let reads = self.reads.iter().filter_map(|read| read.again_at);
        let due = [away, unsure, guess, self.look_at, self.relock.wake_at()].into_iter().flatten().chain(reads);
        due.min_by_key(|at| at.steady).map(Moment::steadily)
    }

    /// Does what is due at `now`.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Outbox) {
        let over = |since: Moment, limit| now.reached(since.after(limit).steadily());
        if self.is_reachable != Some(false) && self.away_since.is_some_and(|since| over(since, AWAY)) {
            self.reach(false, out);
        }
        if self.unsure_since.take_if(|since| over(*since, UNSURE)).is_some() {
            self.forget(now, out);
        }
        if self.guessed_at.take_if(|at| over(*at, GUESS_STANDS)).is_some()
            && let Standing::Says(said) = self.standing
        {
            self.told = Some(said);
            out.said(&self.native, said, How::Remembered, now, None);
        }
        self.ask_again(now, out);
        self.ask_parameters_again(now, out);
    }
}
