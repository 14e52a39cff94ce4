//! What happened at a lock, and what the server says of it, in one clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use thumbturn_locksim::{Bolt, Lock, Order, Request};

use crate::server::Server;

/// Milliseconds since 1970.
pub(super) type Time = i64;

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    steady: Instant,
    wall: Time,
}

impl Clocks {
    pub(super) fn now() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self { steady: Instant::now(), wall: i64::try_from(wall.as_millis()).unwrap() }
    }

    pub(super) fn at(&self, moment: Instant) -> Time {
        self.wall + i64::try_from(moment.saturating_duration_since(self.steady).as_millis()).unwrap()
    }
}

/// One lock.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// When each life of the server began.
    pub(super) lives: Vec<Time>,
    /// In the order of acceptance.
    pub(super) attempts: Vec<Attempt>,
    /// The attempt that each `lock.*` event names, and where it says that the bolt went.
    pub(super) moves_told: Vec<(String, Bolt)>,
    /// The commands that came to the lock.
    pub(super) commands: Vec<(Time, Bolt)>,
    /// Where the bolt was, each from its time on.
    pub(super) bolt: Vec<(Time, Bolt)>,
}

#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) id: String,
    pub(super) wanted: Bolt,
    pub(super) accepted: Time,
    pub(super) end: Option<End>,
    /// When the events say that it ended.
    pub(super) ended: Vec<Time>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Confirmed,
    Unconfirmed,
    /// With an error of this type.
    Error(String),
}

impl End {
    /// `None` while it is pending.
    pub(super) fn of(attempt: &Value) -> Option<Self> {
        match attempt["status"].as_str() {
            Some("pending") => None,
            Some("success") if attempt["result"]["was_confirmed_by_device"] == true => Some(Self::Confirmed),
            Some("success") => Some(Self::Unconfirmed),
            _ => Some(Self::Error(attempt["error"]["type"].as_str().unwrap().to_owned())),
        }
    }

    /// Whether it says that nothing was sent.
    pub(super) fn is_unsent(&self) -> bool {
        let Self::Error(kind) = self else { return false };
        kind.ends_with("_disconnected") || kind == "action_attempt_expired"
    }
}

pub(super) fn id(attempt: &Value) -> String {
    attempt["action_attempt_id"].as_str().unwrap().to_owned()
}

impl Record {
    /// As the server and the lock tell it now.
    pub(super) async fn of(lock: &Lock, device: &str, server: &Server, lives: &[Time], clocks: Clocks) -> Self {
        let body = json!({"device_id": device, "limit": 20_000});
        let (_, answer) = server.call("/action_attempts/list", body).await;
        let events = server.events(device).await;
        let mut attempts: Vec<Attempt> =
            answer["action_attempts"].as_array().unwrap().iter().map(|attempt| Attempt::of(attempt, &events)).collect();
        attempts.sort_by(|one, other| one.id.cmp(&other.id));
        Self {
            lives: lives.to_owned(),
            attempts,
            moves_told: events.iter().filter_map(move_told).collect(),
            commands: commands(lock, clocks),
            bolt: positions(lock, clocks),
        }
    }
}

impl Attempt {
    fn of(attempt: &Value, events: &[Value]) -> Self {
        let id = id(attempt);
        let says_end = |event: &&Value| {
            event["event_type"].as_str().unwrap().starts_with("action_attempt.") && event["action_attempt_id"] == id
        };
        Self {
            wanted: if attempt["action_type"] == "UNLOCK_DOOR" { Bolt::Unlocked } else { Bolt::Locked },
            accepted: time_in(&id),
            end: End::of(attempt),
            ended: events.iter().filter(says_end).map(|event| written(&event["created_at"])).collect(),
            id,
        }
    }
}

/// The time within a `UUIDv7`.
fn time_in(id: &str) -> Time {
    let digits: String = id.chars().filter(|digit| *digit != '-').take(12).collect();
    Time::from_str_radix(&digits, 16).unwrap()
}

fn written(time: &Value) -> Time {
    time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn move_told(event: &Value) -> Option<(String, Bolt)> {
    let to = match event["event_type"].as_str()? {
        "lock.locked" => Bolt::Locked,
        "lock.unlocked" => Bolt::Unlocked,
        _ => return None,
    };
    Some((event["action_attempt_id"].as_str()?.to_owned(), to))
}

fn commands(lock: &Lock, clocks: Clocks) -> Vec<(Time, Bolt)> {
    let command = |request: &Request| match request {
        Request::Operate { order: Order::Lock, .. } => Bolt::Locked,
        Request::Operate { order: Order::Unlock, .. } => Bolt::Unlocked,
        other => panic!("nobody asked for {other:?}"),
    };
    lock.commands().iter().map(|one| (clocks.at(one.at), command(&one.request))).collect()
}

fn positions(lock: &Lock, clocks: Clocks) -> Vec<(Time, Bolt)> {
    let moves = lock.history();
    let first = moves.first().map_or_else(|| lock.bolt(), |one| one.from);
    let later = moves.iter().map(|one| (clocks.at(one.at), one.to));
    std::iter::once((Time::MIN, first)).chain(later).collect()
}
