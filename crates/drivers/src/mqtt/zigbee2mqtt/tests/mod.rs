//! What captured messages mean, row by row.

mod auto_lock;
mod bolts;
mod hub;
mod list;
mod reads;
mod reports;

use serde_json::{Value, json};
use thumbturn_core::events::Method;
use thumbturn_core::ids::{AttemptId, NativeId, uuid_at};
use thumbturn_core::locks::{Bolt, Reachability, Unavailable};
use thumbturn_core::ports::{Answer, How, NotWritten, ReadId, Refused, Said, Signal};
use thumbturn_core::time::Moment;

use super::devices::tests::{list, yale};
use super::pending::OWN_READ;
use super::*;
use crate::mqtt::outbox::Outbox;

const IEEE: &str = "0x00158d0000a00001";
const NAME: &str = "floor 1/Haustür Süd";

const LOCKED: Said = Said::At(Bolt::Locked);
const UNLOCKED: Said = Said::At(Bolt::Unlocked);

/// One hub with one lock, and a clock that is turned by hand.
struct Bench {
    hub: Hub,
    now: Moment,
    seen: bool,
}

impl Bench {
    /// An online hub whose messages carry `last_seen`.
    fn new() -> Self {
        Self::with(true)
    }

    fn with(seen: bool) -> Self {
        let now = Moment { wall: "2026-11-23T00:00:00Z".parse().unwrap(), steady: Duration::from_secs(1000) };
        let mut bench = Self { hub: Hub::new("zigbee2mqtt", Vec::new()), now, seen };
        bench.raw("bridge/state", r#"{"state":"online"}"#, true);
        bench.hub.apply(list(vec![yale(IEEE, NAME)]), 100, bench.now, &mut Outbox::default());
        bench.hub.subscribed(bench.now, &mut Outbox::default());
        bench.hub.tell_reach(&mut Outbox::default());
        bench
    }

    /// A bench on which the lock has said where it stands.
    fn at(seen: bool, state: &str) -> Self {
        let mut bench = Self::with(seen);
        bench.state(state, &json!({}));
        if !seen {
            bench.pass(30);
            assert!(matches!(words(&bench.state(state, &json!({})))[..], [(_, How::Read(OWN_READ))]));
        }
        bench.pass(5000);
        bench
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.after(Duration::from_millis(ms));
    }

    fn raw(&mut self, rest: &str, payload: &str, retained: bool) -> Vec<Signal> {
        let mut out = Outbox::default();
        self.hub.hear(&Incoming { rest, payload: payload.as_bytes(), retained, at: self.now }, &mut out);
        out.signals
    }

    /// A live state message: `LOCK`, `UNLOCK` or `JAM`, with further fields.
    fn state(&mut self, state: &str, further: &Value) -> Vec<Signal> {
        self.say(state, further, false).signals
    }

    fn say(&mut self, state: &str, further: &Value, retained: bool) -> Outbox {
        let (state, lock_state) = match state {
            "LOCK" => ("LOCK", "locked"),
            "JAM" => ("UNLOCK", "not_fully_locked"),
            _ => ("UNLOCK", "unlocked"),
        };
        let mut message = json!({"battery": 92, "linkquality": 121, "lock_state": lock_state, "state": state});
        if self.seen {
            message["last_seen"] = format!("{:.3}", self.now.wall).into();
        }
        for (key, value) in further.as_object().unwrap() {
            message[key] = value.clone();
        }
        let mut out = Outbox::default();
        let payload = message.to_string();
        self.hub.hear(&Incoming { rest: NAME, payload: payload.as_bytes(), retained, at: self.now }, &mut out);
        out
    }

    fn command(&mut self, n: i64) -> AttemptId {
        let attempt = attempt(n);
        self.hub.commanded(&lock(), attempt, self.now);
        attempt
    }

    fn ask(&mut self, n: u64) -> ReadId {
        self.hub.asked(&lock(), ReadId(n), self.now);
        ReadId(n)
    }

    fn tick(&mut self) -> Vec<Signal> {
        let mut out = Outbox::default();
        self.hub.tick(self.now, &mut out);
        out.signals
    }

    /// What is asked as time passes.
    fn asks(&mut self) -> Vec<(String, String)> {
        let mut out = Outbox::default();
        self.hub.tick(self.now, &mut out);
        out.requests
    }

    fn complain(&mut self, message: &str) -> Vec<Signal> {
        self.raw("bridge/logging", &json!({"level": "error", "message": message}).to_string(), false)
    }
}

fn lock() -> NativeId {
    NativeId(IEEE.to_owned())
}

fn attempt(n: i64) -> AttemptId {
    AttemptId(uuid_at(jiff::Timestamp::from_second(n).unwrap()))
}

/// What was said of the bolt.
fn words(signals: &[Signal]) -> Vec<(Said, How)> {
    let reports = signals.iter().filter_map(|signal| match signal {
        Signal::Said(_, report, _) => Some((report.said, report.how)),
        _ => None,
    });
    reports.collect()
}

fn answers(signals: &[Signal]) -> Vec<(AttemptId, Answer)> {
    let answers = signals.iter().filter_map(|signal| match signal {
        Signal::Answered(_, attempt, answer, ..) => Some((*attempt, answer.clone())),
        _ => None,
    });
    answers.collect()
}

fn failed_reads(signals: &[Signal]) -> Vec<ReadId> {
    let reads = signals.iter().filter_map(|signal| match signal {
        Signal::ReadFailed(_, read) => Some(*read),
        _ => None,
    });
    reads.collect()
}
