//! A work bench for the physics: one virtual hub, and a time that goes where the test wants it.

use std::time::Duration;

use thumbturn_core::events::Method;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{Answer, How, ReadId, Said};
use thumbturn_core::time::Moment;
use thumbturn_drivers::sandbox::{Act, Command, Config, Emission, NotTaken, Patch, Physical, VirtualHub, Word};

pub(crate) const REMOTE: How = How::Tagged(Method::Remote, None);
pub(crate) const MANUAL: How = How::Tagged(Method::Manual, None);
pub(crate) const AUTOMATIC: How = How::Tagged(Method::Automatic, None);

/// The moment so many milliseconds after the start of time.
pub(crate) fn moment(ms: u64) -> Moment {
    let start = Moment { wall: "2025-06-01T12:00:00Z".parse().unwrap(), steady: Duration::ZERO };
    start.after(Duration::from_millis(ms))
}

pub(crate) fn attempt(number: u64) -> AttemptId {
    AttemptId::derived(AttemptId(Default::default()).0, &number.to_string())
}

pub(crate) fn config(latency_ms: u64) -> Config {
    Config { latency_ms, ..Config::default() }
}

pub(crate) struct Bench {
    pub(crate) hub: VirtualHub,
    pub(crate) now: u64,
    attempts: u64,
}

impl Bench {
    pub(crate) fn new(latency_ms: u64) -> Self {
        Self::of(&config(latency_ms))
    }

    pub(crate) fn of(config: &Config) -> Self {
        Self { hub: VirtualHub::new(config), now: 0, attempts: 0 }
    }

    /// A bench whose lock 0 has these settings; latency 20 ms.
    pub(crate) fn with(patch: Patch) -> Self {
        let mut bench = Self::new(20);
        bench.set(patch);
        bench.at(0);
        bench
    }

    pub(crate) fn order(&mut self, wanted: Bolt) -> Result<AttemptId, NotTaken> {
        self.attempts += 1;
        let attempt = attempt(self.attempts);
        self.hub.command(moment(self.now), 0, Command { attempt, wanted })?;
        Ok(attempt)
    }

    pub(crate) fn unlock(&mut self) -> AttemptId {
        self.order(Bolt::Unlocked).unwrap()
    }

    pub(crate) fn lock(&mut self) -> AttemptId {
        self.order(Bolt::Locked).unwrap()
    }

    pub(crate) fn ask(&mut self, read: u64) {
        self.hub.ask(moment(self.now), 0, ReadId(read)).unwrap();
    }

    pub(crate) fn act(&mut self, act: &Act) {
        self.hub.act(moment(self.now), 0, act).unwrap();
    }

    pub(crate) fn set(&mut self, patch: Patch) {
        assert!(self.hub.set(moment(self.now), 0, &patch).unwrap());
    }

    /// Goes to that time; what the hub heard on the way, each with its time in milliseconds.
    pub(crate) fn at(&mut self, ms: u64) -> Vec<(u64, Word)> {
        self.now = ms;
        self.hub.advance(moment(ms)).into_iter().map(stamped).collect()
    }

    pub(crate) fn physical(&self) -> Physical {
        self.hub.physical(0).unwrap()
    }
}

fn stamped(emission: Emission) -> (u64, Word) {
    (u64::try_from(emission.at.since(moment(0)).as_millis()).unwrap(), emission.word)
}

pub(crate) fn said(said: Said, how: How, sequence: u64) -> Word {
    Word::Said { said, how, sequence: Some(sequence) }
}

pub(crate) fn uncounted(said: Said, how: How) -> Word {
    Word::Said { said, how, sequence: None }
}

pub(crate) fn accepted(attempt: AttemptId) -> Word {
    Word::Answered(attempt, Answer::Accepted)
}

pub(crate) const LOCKED: Said = Said::At(Bolt::Locked);
pub(crate) const UNLOCKED: Said = Said::At(Bolt::Unlocked);
