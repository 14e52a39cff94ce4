//! The instance as values: messages as they were captured from a real Home Assistant 2024.3.3.

mod auto_lock;
mod codes;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use thumbturn_core::commands::Command;
use thumbturn_core::events::Method;
use thumbturn_core::ids::{AttemptId, NativeId};
use thumbturn_core::locks::{Bolt, Reachability, Unavailable};
use thumbturn_core::ports::{Answer, How, NotWritten, Order, ReadId, Refused, Said, Signal};
use thumbturn_core::time::Moment;
use uuid::Uuid;

use super::Outbox;
use super::call::Call;
use super::home::Home;
use crate::websocket::{Ask as _, Hub as _};

const ATTEMPT: AttemptId = AttemptId(Uuid::nil());
const LOCKED: Said = Said::At(Bolt::Locked);
const UNLOCKED: Said = Said::At(Bolt::Unlocked);

fn at(seconds: f64) -> Moment {
    Moment { wall: Timestamp::UNIX_EPOCH, steady: Duration::ZERO }.after(Duration::from_secs_f64(seconds))
}

fn entry(id: &str, entity: &str, platform: &str) -> Value {
    json!({"id": id, "entity_id": entity, "platform": platform, "device_id": "d1", "entity_category": null,
           "disabled_by": null, "options": {"lock": {"default_code": "8642"}}, "unique_id": "x"})
}

fn state(state: &str) -> Value {
    json!({"s": state, "a": {"friendly_name": "Front", "supported_features": 0}, "c": "01M8", "lc": 1796047339.09})
}

/// What the engine was told of bolts: what, how.
fn said(out: &Outbox) -> Vec<(Said, How)> {
    let said = out.signals.iter().filter_map(|signal| match signal {
        Signal::Said(_, report, _) => Some((report.said, report.how)),
        _ => None,
    });
    said.collect()
}

fn reaches(out: &Outbox) -> Vec<Reachability> {
    let reaches = out.signals.iter().filter_map(|signal| match signal {
        Signal::Reach(_, reach) => Some(*reach),
        _ => None,
    });
    reaches.collect()
}

fn gone(out: &Outbox) -> Vec<&str> {
    let gone = out.signals.iter().filter_map(|signal| match signal {
        Signal::Gone(native) => Some(native.as_str()),
        _ => None,
    });
    gone.collect()
}

/// An instance and what was asked of it.
struct Stage {
    home: Home,
    now: f64,
    /// What was asked and not answered, in order: the numbers are places here.
    open: Vec<Option<Call>>,
    entries: Vec<Value>,
}

impl Stage {
    /// An instance with a lock of this integration that has introduced itself.
    fn with(platform: &str, lock: &str) -> Self {
        let mut stage = Self::new(platform, vec![entry("r1", "lock.front", platform)]);
        stage.begin(json!({"lock.front": state(lock), "light.hall": {"s": "on", "a": {}, "c": "x"}}));
        stage
    }

    fn new(vouched: &str, entries: Vec<Value>) -> Self {
        let vouched = if vouched == "asked" { BTreeSet::from(["asked".to_owned()]) } else { BTreeSet::new() };
        Self { home: Home::new(&[], vouched), now: 0.0, open: Vec::new(), entries }
    }

    fn begin(&mut self, states: Value) -> Outbox {
        let mut out = Outbox::default();
        self.home.list(&mut out);
        self.take(&mut out);
        let mut out = self.event(json!({ "a": states }));
        let listed = self.list();
        out.signals.extend(listed.signals);
        out
    }

    fn take(&mut self, out: &mut Outbox) {
        self.open.extend(out.asks.drain(..).map(Some));
    }

    /// Answers the last request that is as wanted.
    fn answer(&mut self, wanted: impl Fn(&Call) -> bool, mut reply: Value) -> Outbox {
        let number = self.open.iter().rposition(|call| call.as_ref().is_some_and(&wanted)).unwrap();
        let call = self.open[number].take().unwrap();
        let message: Value = serde_json::from_str(&call.message(number as u64)).unwrap();
        reply["id"] = message["id"].clone();
        reply["type"] = json!("result");
        self.message(&reply, |asked| (asked == number as u64).then_some(call))
    }

    fn list(&mut self) -> Outbox {
        let entries = json!({"success": true, "result": self.entries});
        let mut out = self.answer(|call| *call == Call::Entries, entries);
        let device = json!({"id": "d1", "manufacturer": "Yale", "model": "YRD226", "serial_number": null});
        let devices = self.answer(|call| *call == Call::Devices, json!({"success": true, "result": [device]}));
        out.signals.extend(devices.signals);
        out
    }

    fn message(&mut self, message: &Value, take: impl FnOnce(u64) -> Option<Call>) -> Outbox {
        let mut out = Outbox::default();
        if let Some(heard) = Home::read(&message.to_string(), take) {
            self.home.hear(&heard, at(self.now), &mut out);
            // Nobody here holds a conversation.
            self.home.unclaimed(&heard, &mut out);
        }
        self.take(&mut out);
        out
    }

    fn event(&mut self, event: Value) -> Outbox {
        self.message(&json!({"type": "event", "id": 13, "event": event}), |_| None)
    }

    /// The lock's state changes, and perhaps more.
    fn changes(&mut self, plus: Value) -> Outbox {
        self.event(json!({"c": {"lock.front": {"+": plus}}}))
    }

    /// Everything that is due until then.
    fn until(&mut self, seconds: f64) -> Outbox {
        let mut all = Outbox::default();
        while let Some(due) = self.home.wake_at(at(self.now)).filter(|due| at(seconds).reached(*due)) {
            self.now = self.now.max(due.steady.as_secs_f64());
            let mut out = Outbox::default();
            self.home.tick(at(self.now), &mut out);
            self.take(&mut out);
            all.signals.extend(out.signals);
        }
        self.now = seconds;
        all
    }

    fn commands(&mut self, to: Bolt) -> Result<Value, NotWritten> {
        let order = Order { attempt: ATTEMPT, lock: NativeId("r1".to_owned()), command: Command::Move(to) };
        let call = self.home.command(&order)?;
        self.home.commanded(&call, at(self.now));
        let message = serde_json::from_str(&call.message(self.open.len() as u64)).unwrap();
        self.open.push(Some(call));
        Ok(message)
    }

    /// How something is said to the lock.
    fn order(&self, command: Command) -> Result<Call, NotWritten> {
        self.home.command(&Order { attempt: ATTEMPT, lock: NativeId("r1".to_owned()), command })
    }

    fn taken(&mut self) -> Outbox {
        let reply = json!({"success": true, "result": {"context": {"id": "01M9", "user_id": "u"}}});
        self.answer(|call| matches!(call, Call::Move(..)), reply)
    }

    fn reads(&mut self, read: u64) -> Outbox {
        let mut out = Outbox::default();
        self.home.want_read(&NativeId("r1".to_owned()), ReadId(read), at(self.now), &mut out).unwrap();
        self.take(&mut out);
        out
    }

    fn updated(&mut self) -> Outbox {
        self.answer(|call| matches!(call, Call::Update(..)), json!({"success": true, "result": {}}))
    }

    fn is_looking(&self) -> bool {
        self.open.iter().flatten().any(|call| matches!(call, Call::Update(_, _, None)))
    }
}

#[test]
fn a_lock_introduces_itself_with_what_is_remembered_and_nothing_else_does() {
    let mut stage = Stage::new(
        "mqtt",
        vec![
            entry("r1", "lock.front", "mqtt"),
            entry("r2", "sensor.front_battery", "mqtt"),
            entry("r3", "binary_sensor.front_door", "mqtt"),
            entry("r4", "lock.car", "tessie"),
            json!({"id": "r5", "entity_id": "lock.child", "platform": "zha", "device_id": "d2", "entity_category": "config"}),
            json!({"broken": true}),
        ],
    );
    let out = stage.begin(json!({
        "lock.front": state("locked"), "lock.car": state("locked"), "lock.child": state("locked"),
        "sensor.front_battery": {"s": "80", "a": {"device_class": "battery"}, "c": "x"},
        "binary_sensor.front_door": {"s": "on", "a": {"device_class": "door"}, "c": "x"},
        "lock.yaml": state("unlocked"),
    }));
    let abouts: Vec<_> = out
        .signals
        .iter()
        .filter_map(|signal| match signal {
            Signal::Discovered { about, .. } => Some(about),
            _ => None,
        })
        .collect();
    let natives: Vec<_> = abouts.iter().map(|about| about.native.as_str()).collect();
    assert_eq!(natives, ["r1", "lock.yaml"]);
    assert_eq!((abouts[0].name.as_str(), abouts[0].device_type.as_str()), ("Front", "yale_lock"));
    assert_eq!((abouts[0].model.as_str(), abouts[0].has_direct_power), ("YRD226", false));
    assert_eq!(said(&out), [(LOCKED, How::Remembered), (UNLOCKED, How::Remembered)]);
    assert!(out.signals.iter().any(|signal| matches!(signal, Signal::Battery(_, level) if (level - 0.8).abs() < 1e-9)));
    assert!(out.signals.iter().any(|signal| matches!(signal, Signal::Door(_, true))));
    assert!(matches!(out.signals.last(), Some(Signal::Synced)));
    assert!(stage.home.is_synced());
}

#[test]
fn a_call_that_returned_is_accepted_and_the_state_is_the_proof() {
    let mut stage = Stage::with("mqtt", "locked");
    let message = stage.commands(Bolt::Unlocked).unwrap();
    assert_eq!((&message["domain"], &message["service"]), (&json!("lock"), &json!("unlock")));
    assert_eq!(message["target"], json!({"entity_id": "lock.front"}));
    let out = stage.taken();
    assert!(matches!(&out.signals[..], [Signal::Answered(_, ATTEMPT, Answer::Accepted, _, Some(_))]), "{out:?}");
    // On its way, an old poll in between, and there.
    assert_eq!(said(&stage.changes(json!({"s": "unlocking"}))), []);
    assert_eq!(said(&stage.changes(json!({"s": "locked"}))), []);
    assert_eq!(said(&stage.changes(json!({"s": "unlocking"}))), []);
    assert_eq!(said(&stage.changes(json!({"s": "unlocked"}))), [(UNLOCKED, How::Untagged)]);
    assert_eq!(said(&stage.changes(json!({"c": {"id": "01MB", "user_id": null}}))), []);
    assert_eq!(said(&stage.changes(json!({"s": "jammed"}))), [(Said::Jammed, How::Untagged)]);
}

#[test]
fn whoever_says_nothing_has_its_integration_look_once() {
    let mut stage = Stage::with("mqtt", "locked");
    stage.commands(Bolt::Unlocked).unwrap();
    stage.taken();
    assert!(stage.until(2.9).signals.is_empty() && !stage.is_looking());
    stage.until(3.1);
    assert!(stage.is_looking());
    stage.changes(json!({"s": "unlocked"}));
    stage.updated();
    stage.commands(Bolt::Locked).unwrap();
    stage.taken();
    stage.changes(json!({"s": "locked"}));
    stage.until(60.0);
    assert!(!stage.is_looking());
}

#[test]
fn that_a_lock_was_updated_is_an_answer_only_where_the_account_vouches_for_it() {
    let mut stage = Stage::with("mqtt", "locked");
    assert!(matches!(&stage.reads(1).signals[..], [Signal::ReadFailed(_, ReadId(1))]));

    let mut stage = Stage::with("asked", "locked");
    assert!(stage.reads(1).signals.is_empty());
    assert_eq!(said(&stage.updated()), [(LOCKED, How::Read(ReadId(1)))]);
    // What comes while it is asked is the answer, unless the lock tells by what it was moved.
    stage.reads(2);
    assert_eq!(said(&stage.changes(json!({"s": "unlocked"}))), []);
    assert_eq!(said(&stage.updated()), [(UNLOCKED, How::Read(ReadId(2)))]);
    stage.reads(3);
    let by_hand = stage.changes(json!({"s": "locked", "a": {"changed_by": "Manual"}}));
    assert_eq!(said(&by_hand), [(LOCKED, How::Tagged(Method::Manual, None))]);
    assert_eq!(said(&stage.updated()), [(LOCKED, How::Read(ReadId(3)))]);
    // Nothing that came is lost where the asking failed.
    stage.reads(4);
    stage.changes(json!({"s": "unlocked"}));
    let failed = json!({"success": false, "error": {"code": "home_assistant_error", "message": "x"}});
    let out = stage.answer(|call| matches!(call, Call::Update(..)), failed);
    assert!(matches!(out.signals[0], Signal::ReadFailed(_, ReadId(4))));
    assert_eq!(said(&out), [(UNLOCKED, How::Untagged)]);
}

#[test]
fn a_lock_on_its_way_is_asked_again_and_one_that_went_away_did_not_answer() {
    let mut stage = Stage::with("asked", "locked");
    stage.reads(1);
    stage.changes(json!({"s": "unlocking"}));
    assert!(stage.updated().signals.is_empty());
    stage.until(1.1);
    stage.changes(json!({"s": "unlocked"}));
    assert_eq!(said(&stage.updated()), [(UNLOCKED, How::Read(ReadId(1)))]);
    stage.reads(2);
    stage.changes(json!({"s": "unavailable"}));
    assert!(matches!(stage.updated().signals[..], [Signal::ReadFailed(_, ReadId(2))]));
    assert!(matches!(stage.reads(3).signals[..], [Signal::ReadFailed(_, ReadId(3))]));
}

#[test]
fn a_moment_away_is_ridden_over_and_no_command_is_written_in_it() {
    let mut stage = Stage::with("mqtt", "locked");
    let restored = json!({"s": "unavailable", "a": {"restored": true}});
    assert!(stage.changes(restored).signals.is_empty());
    assert_eq!(stage.commands(Bolt::Unlocked), Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected)));
    stage.until(1.0);
    assert!(stage.changes(json!({"s": "unknown"})).signals.is_empty());
    stage.until(2.0);
    assert!(stage.changes(json!({"s": "locked"})).signals.is_empty());
    assert!(stage.until(60.0).signals.is_empty());

    stage.changes(json!({"s": "unavailable"}));
    assert_eq!(reaches(&stage.until(64.9)), []);
    assert_eq!(reaches(&stage.until(65.1)), [Reachability::Unreachable]);
    let out = stage.changes(json!({"s": "unlocked"}));
    assert_eq!((reaches(&out), said(&out)), (vec![Reachability::Reachable], vec![(UNLOCKED, How::Untagged)]));
    stage.changes(json!({"s": "unknown"}));
    assert_eq!(said(&stage.until(69.0)), [(Said::Unsure, How::Untagged)]);
}

#[test]
fn a_guess_is_not_the_locks_word() {
    let mut stage = Stage::with("zwave_js", "locked");
    stage.commands(Bolt::Unlocked).unwrap();
    let context = json!({"user_id": "efd1", "id": "01M8"});
    let out = stage.changes(json!({"s": "unlocked", "c": context}));
    assert_eq!(said(&out), [(UNLOCKED, How::Assumed), (Said::Unsure, How::Untagged)]);
    assert_eq!(said(&stage.until(9.0)), []);
    assert_eq!(said(&stage.until(11.0)), [(UNLOCKED, How::Remembered)]);
    // And by a hand, as far as is known.
    let out = stage.changes(json!({"s": "locked", "c": {"user_id": null, "id": "01M9"}}));
    assert_eq!(said(&out), [(LOCKED, How::Untagged)]);

    let mut stage = Stage::new("", vec![entry("r1", "lock.front", "template")]);
    let guess = json!({"s": "locked", "a": {"assumed_state": true}, "c": "x"});
    assert_eq!(said(&stage.begin(json!({ "lock.front": guess }))), [(LOCKED, How::Assumed)]);
    assert_eq!(said(&stage.changes(json!({"s": "unlocked"}))), [(UNLOCKED, How::Assumed)]);
    assert_eq!(said(&stage.until(60.0)), []);
}

#[test]
fn causes_are_told_where_they_are_told_anew() {
    let mut stage = Stage::with("mqtt", "locked");
    let keypad = json!({"s": "unlocked", "a": {"changed_by": "Keypad"}});
    assert_eq!(said(&stage.changes(keypad)), [(UNLOCKED, How::Tagged(Method::Keycode, None))]);
    // It still stands there, and says nothing of this movement.
    assert_eq!(said(&stage.changes(json!({"s": "locked"}))), [(LOCKED, How::Untagged)]);
    stage.now += 0.5;
    let late = json!({"a": {"changed_by": "Auto-Lock"}});
    assert_eq!(said(&stage.changes(late)), [(LOCKED, How::Tagged(Method::Automatic, None))]);
    stage.now += 30.0;
    assert_eq!(said(&stage.changes(json!({"a": {"changed_by": "Manual"}}))), []);
}

#[test]
fn errors_are_refusals_where_nothing_was_sent() {
    let mut stage = Stage::with("mqtt", "locked");
    stage.commands(Bolt::Unlocked).unwrap();
    let error = json!({"code": "service_validation_error", "translation_key": "add_default_code", "message": "8642"});
    let out = stage.answer(|call| matches!(call, Call::Move(..)), json!({"success": false, "error": error}));
    let [Signal::Answered(_, _, Answer::Refused(Refused::Other(why)), _, Some(words))] = &out.signals[..] else {
        panic!("{out:?}")
    };
    assert!(why.contains("default code") && !why.contains("8642") && !words.as_str().contains("8642"), "{why}");
}

#[test]
fn a_rename_keeps_the_lock_and_no_command_goes_astray() {
    let mut stage = Stage::with("mqtt", "locked");
    let update = json!({"action": "update", "entity_id": "lock.back", "old_entity_id": "lock.front", "changes": {}});
    stage.event(json!({"event_type": "entity_registry_updated", "data": update}));
    stage.event(json!({"r": ["lock.front"]}));
    let renamed = json!({"s": "locked", "a": {"friendly_name": "Back"}, "c": "x"});
    stage.event(json!({"a": {"lock.back": renamed}}));
    stage.entries = vec![entry("r1", "lock.back", "mqtt")];
    let mut out = stage.list();
    out.signals.extend(stage.until(0.9).signals);
    assert!(!stage.open.contains(&Some(Call::Entries)), "not again at once");
    out.signals.extend(stage.until(1.1).signals);
    out.signals.extend(stage.list().signals);
    assert_eq!((said(&out), gone(&out)), (vec![], vec![]));
    let discovered = out.signals.iter().filter(|signal| matches!(signal, Signal::Discovered { .. }));
    assert_eq!(discovered.count(), 1, "it has another name: {out:?}");
    assert_eq!(stage.commands(Bolt::Unlocked).unwrap()["target"], json!({"entity_id": "lock.back"}));
    assert_eq!(reaches(&stage.until(30.0)), []);
}

#[test]
fn only_the_registrys_word_or_two_lists_remove_a_lock() {
    let mut stage = Stage::with("mqtt", "locked");
    stage.entries.clear();
    stage.entries.push(entry("r9", "sensor.other", "mqtt"));
    let mut out = Outbox::default();
    stage.home.list(&mut out);
    stage.take(&mut out);
    assert_eq!(gone(&stage.list()), [""; 0]);
    stage.until(61.0);
    assert_eq!(gone(&stage.list()), ["r1"]);

    // An empty registry is no registry.
    let mut stage = Stage::with("mqtt", "locked");
    stage.entries.clear();
    stage.event(json!({"r": ["lock.front"]}));
    assert_eq!(gone(&stage.list()), [""; 0]);
    stage.until(100.0);
    let mut out = Outbox::default();
    stage.home.list(&mut out);
    stage.take(&mut out);
    assert_eq!(gone(&stage.list()), [""; 0]);

    let mut stage = Stage::with("mqtt", "locked");
    let removed = json!({"action": "remove", "entity_id": "lock.front"});
    let out = stage.event(json!({"event_type": "entity_registry_updated", "data": removed}));
    assert_eq!(gone(&out), ["r1"]);
}

#[test]
fn nonsense_is_passed_over() {
    let mut stage = Stage::with("mqtt", "locked");
    for message in [
        json!({"type": "event", "id": 13, "event": {"c": {"lock.front": 5, "lock.other": {}}}}),
        json!({"type": "event", "id": 13, "event": {"a": {"lock.front": {}}}}),
        json!({"type": "event", "id": 13, "event": []}),
        json!({"type": "event"}),
        json!({"type": "result", "id": 3, "success": true}),
        json!({"type": "pong", "id": 99}),
        json!({"type": "result", "id": 5000, "success": false, "error": {"code": "id_reuse"}}),
        json!([1]),
    ] {
        let out = stage.message(&message, |_| None);
        assert!(out.signals.is_empty(), "{message}: {out:?}");
    }
    assert_eq!(said(&stage.changes(json!({"s": "unlocked"}))), [(UNLOCKED, How::Untagged)]);
}
