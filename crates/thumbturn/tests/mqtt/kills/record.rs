//! What happened at a lock, and what the server says of it, in one clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use thumbturn_locksim::{Bolt, Lock, Order, Request};

use crate::server::Server;

/// Milliseconds since 1970.
pub(crate) type Time = i64;

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    steady: Instant,
    wall: Time,
}

impl Clocks {
    pub(crate) fn now() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self { steady: Instant::now(), wall: i64::try_from(wall.as_millis()).unwrap() }
    }

    pub(crate) fn at(&self, moment: Instant) -> Time {
        self.wall + i64::try_from(moment.saturating_duration_since(self.steady).as_millis()).unwrap()
    }
}

/// One lock.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// When each life of the server began.
    pub(crate) lives: Vec<Time>,
    /// In the order of acceptance.
    pub(crate) attempts: Vec<Attempt>,
    /// The attempt that each `lock.*` event names, and where it says that the bolt went.
    pub(crate) moves_told: Vec<(String, Bolt)>,
    /// The commands that came to the lock.
    pub(crate) commands: Vec<(Time, Bolt)>,
    /// Where the bolt was, each from its time on.
    pub(crate) bolt: Vec<(Time, Bolt)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) id: String,
    pub(crate) wanted: Bolt,
    pub(crate) accepted: Time,
    pub(crate) end: Option<End>,
    /// When the events say that it ended.
    pub(crate) ended: Vec<Time>,
    /// When its command was written and when it was over, where [`Record::look_up_commands`] found that.
    pub(crate) command: Option<(Time, Time)>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Confirmed,
    Unconfirmed,
    /// With an error of this type.
    Error(String),
}

impl End {
    /// `None` while it is pending.
    pub(crate) fn of(attempt: &Value) -> Option<Self> {
        match attempt["status"].as_str() {
            Some("pending") => None,
            Some("success") if attempt["result"]["was_confirmed_by_device"] == true => Some(Self::Confirmed),
            Some("success") => Some(Self::Unconfirmed),
            _ => Some(Self::Error(attempt["error"]["type"].as_str().unwrap().to_owned())),
        }
    }

    /// Whether it says that nothing was sent.
    pub(crate) fn is_unsent(&self) -> bool {
        let Self::Error(kind) = self else { return false };
        kind.ends_with("_disconnected") || kind == "action_attempt_expired"
    }
}

pub(crate) fn id(attempt: &Value) -> String {
    attempt["action_attempt_id"].as_str().unwrap().to_owned()
}

impl Record {
    /// As the server and the lock tell it now.
    pub(crate) async fn of(lock: &Lock, device: &str, server: &Server, lives: &[Time], clocks: Clocks) -> Self {
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

    /// Asks of each attempt when its command was written and when it was over.
    pub(crate) async fn look_up_commands(&mut self, server: &Server) {
        for attempt in &mut self.attempts {
            let body = json!({"action_attempt_id": attempt.id});
            let (_, answer) = server.call("/thumbturn/action_attempts/evidence", body).await;
            let stages = answer["action_attempt_evidence"]["stages"].as_array().unwrap();
            let at = |name: &str| stages.iter().find(|stage| stage["stage"] == name).map(|stage| time_of(&stage["at"]));
            attempt.command = at("written").zip(at("ended"));
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
            ended: events.iter().filter(says_end).map(|event| time_of(&event["created_at"])).collect(),
            command: None,
            id,
        }
    }
}

/// The time within a `UUIDv7`.
fn time_in(id: &str) -> Time {
    let digits: String = id.chars().filter(|digit| *digit != '-').take(12).collect();
    Time::from_str_radix(&digits, 16).unwrap()
}

fn time_of(time: &Value) -> Time {
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
