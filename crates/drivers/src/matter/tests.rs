//! The fabric as values: messages as they were captured from real servers, the one of Python (A) and its successor (B).

mod codes;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use thumbturn_core::commands::{AutoLock, Command};
use thumbturn_core::events::Method;
use thumbturn_core::ids::{AttemptId, NativeId};
use thumbturn_core::locks::{Bolt, Reachability, Unavailable};
use thumbturn_core::ports::{Answer, How, NotWritten, Order, ReadId, Refused, Said, Signal};
use thumbturn_core::time::Moment;
use uuid::Uuid;

use super::Outbox;
use super::call::{Call, Target};
use super::lock::native;
use super::nodes::{Heard, Nodes};
use super::wire::{Event, Fault};
use crate::websocket::Hub as _;

const FABRIC: u64 = 8_149_785_468_402_443_321;
const ATTEMPT: AttemptId = AttemptId(Uuid::nil());
const LOCK: Target = Target { node: 1, endpoint: 1 };
const TIMEOUT: &str = "src/app/CommandSender.cpp:343: CHIP Error 0x00000032: Timeout";

fn at(seconds: f64) -> Moment {
    Moment { wall: Timestamp::UNIX_EPOCH, steady: Duration::ZERO }.after(Duration::from_secs_f64(seconds))
}

/// A node as A told it, cut to what is about the lock; `changes` replace and add attributes.
fn node(id: u64, available: bool, changes: Value) -> Value {
    let mut attributes = json!({
        "0/29/0": [{"0": 22, "1": 4}], "0/40/1": "Yale", "0/40/3": "Assure", "0/40/5": "", "0/40/15": "serial-1",
        "0/40/18": "unique-1", "0/62/5": 1, "1/29/0": [{"0": 10, "1": 4}, {"0": 17, "1": 1}], "1/257/65532": 1457,
        "1/257/0": 1, "1/257/1": 0, "1/257/2": true, "1/257/3": 1, "1/257/35": 0, "1/257/37": 0, "1/257/51": false,
        "1/257/65529": [0, 1, 3, 11, 12, 13, 14, 15, 16, 26, 27, 29, 34, 36, 38], "1/47/65532": 2, "1/47/12": 160,
    });
    for (path, value) in changes.as_object().into_iter().flatten() {
        attributes[path] = value.clone();
    }
    json!({
        "node_id": id, "date_commissioned": "2026-11-30T13:54:55.868139", "interview_version": 6,
        "available": available, "is_bridge": false, "attributes": attributes, "attribute_subscriptions": [],
    })
}

/// A fabric that has introduced itself.
struct Fabric {
    nodes: Nodes,
    now: f64,
}

impl Fabric {
    fn of(nodes: &[Value]) -> (Self, Outbox) {
        let mut fabric = Self { nodes: Nodes::new(FABRIC, &[]), now: 0.0 };
        let out = fabric.list(nodes);
        (fabric, out)
    }

    fn plain() -> Self {
        Self::of(&[node(1, true, json!({}))]).0
    }

    fn list(&mut self, nodes: &[Value]) -> Outbox {
        let nodes = serde_json::from_value(json!(nodes)).unwrap();
        self.hear(&Heard::Nodes(nodes))
    }

    fn hear(&mut self, heard: &Heard) -> Outbox {
        let mut out = Outbox::default();
        self.nodes.hear(heard, at(self.now), &mut out);
        out
    }

    fn event(&mut self, event: &str, data: &Value) -> Outbox {
        let event = Event::read(event, &data.to_string()).unwrap();
        self.hear(&Heard::Event(event))
    }

    fn updated(&mut self, node: &Value) -> Outbox {
        self.event("node_updated", node)
    }

    fn attribute(&mut self, path: &str, value: Value) -> Outbox {
        self.event("attribute_updated", &json!([1, path, value]))
    }

    fn operation(&mut self, number: u64, kind: u32, source: u32) -> Outbox {
        let data = json!({
            "node_id": 1, "endpoint_id": 1, "cluster_id": 257, "event_id": 2, "event_number": number, "priority": 2,
            "timestamp": 1_796_046_898_267_u64, "timestamp_type": 1,
            "data": {"lockOperationType": kind, "operationSource": source, "userIndex": null, "fabricIndex": 1,
                     "sourceNode": 112_233, "credentials": null},
        });
        self.event("node_event", &data)
    }

    fn order(&self, command: Command) -> Result<Call, NotWritten> {
        self.nodes.command(&Order { attempt: ATTEMPT, lock: native(FABRIC, LOCK), command })
    }

    fn unlock(&mut self) -> Call {
        let call = self.order(Command::Move(Bolt::Unlocked)).unwrap();
        self.nodes.commanded(&call, at(self.now));
        call
    }

    fn must_wait(&self) -> bool {
        self.nodes.must_wait(&native(FABRIC, LOCK))
    }

    fn read(&mut self, number: u64) -> Outbox {
        let mut out = Outbox::default();
        self.nodes.want_read(&native(FABRIC, LOCK), ReadId(number), at(self.now), &mut out).unwrap();
        out
    }

    fn answer(&mut self, call: Call, result: Value) -> Outbox {
        self.hear(&Heard::Reply(call, Ok(result)))
    }

    fn fail(&mut self, call: Call, code: i64, details: &str) -> Outbox {
        self.hear(&Heard::Reply(call, Err(Fault { code, details: details.to_owned() })))
    }

    fn tick(&mut self, now: f64) -> Outbox {
        self.now = now;
        let mut out = Outbox::default();
        self.nodes.tick(at(now), &mut out);
        out
    }
}

/// What the lock said, without the times.
fn said(out: &Outbox) -> Vec<(Said, How)> {
    let said = out.signals.iter().filter_map(|signal| match signal {
        Signal::Said(_, report, _) => Some((report.said, report.how)),
        _ => None,
    });
    said.collect()
}

fn answers(out: &Outbox) -> Vec<Answer> {
    let answers = out.signals.iter().filter_map(|signal| match signal {
        Signal::Answered(_, ATTEMPT, answer, ..) => Some(answer.clone()),
        _ => None,
    });
    answers.collect()
}

fn reaches(out: &Outbox) -> Vec<Reachability> {
    let reaches = out.signals.iter().filter_map(|signal| match signal {
        Signal::Reach(_, reach) => Some(*reach),
        _ => None,
    });
    reaches.collect()
}

fn gone(out: &Outbox) -> Vec<NativeId> {
    let gone = out.signals.iter().filter_map(|signal| match signal {
        Signal::Gone(native) => Some(native.clone()),
        _ => None,
    });
    gone.collect()
}

const UNLOCKED: Said = Said::At(Bolt::Unlocked);
const LOCKED: Said = Said::At(Bolt::Locked);
const REMOTE: How = How::Tagged(Method::Remote, None);
const LOOK: Call = Call::Look(LOCK, true);

#[test]
fn a_lock_is_an_endpoint_of_that_type_and_says_what_it_can() {
    let light = json!({"node_id": 2, "available": true, "attributes": {"1/29/0": [{"0": 256, "1": 1}], "0/29/0": []}});
    let controller = json!({"node_id": 3, "available": true, "attributes": {"1/29/0": [{"0": 11, "1": 1}]}});
    let (_, out) = Fabric::of(&[node(1, true, json!({})), light, controller]);
    let found: Vec<_> = out
        .signals
        .iter()
        .filter_map(|signal| match signal {
            Signal::Discovered { about, .. } => Some(about),
            _ => None,
        })
        .collect();
    let [about] = &found[..] else { panic!("{found:?}") };
    assert_eq!(about.native.as_str(), "7119dab43fc4a439-1-1");
    assert_eq!((about.name.as_str(), about.device_type.as_str()), ("Assure (node 1)", "yale_lock"));
    assert_eq!(about.serial_number.as_deref(), Some("serial-1"));
    assert!(about.can_lock && about.can_unlock && about.can_configure_auto_lock && about.has_keypad);
    assert!(!about.has_direct_power);
    // What the server remembers is no report.
    assert_eq!(said(&out), [(LOCKED, How::Remembered)]);
    assert!(out.signals.iter().any(|signal| matches!(signal, Signal::Battery(_, level) if (level - 0.8).abs() < 1e-9)));
    assert!(out.signals.iter().any(|signal| matches!(signal, Signal::AutoLock(_, AutoLock::Off))));
    assert!(!out.signals.iter().any(|signal| matches!(signal, Signal::Door(..))), "the door is read before it is told");
}

#[test]
fn a_bridge_has_several_locks_with_names_of_their_own() {
    let bridge = node(
        1,
        true,
        json!({
            "1/57/5": "Front", "1/57/1": "Schlage", "2/29/0": [{"0": 10, "1": 2}], "2/257/0": 2, "2/57/15": "serial-2",
        }),
    );
    let (_, out) = Fabric::of(&[bridge]);
    let names: Vec<_> = out
        .signals
        .iter()
        .filter_map(|signal| match signal {
            Signal::Discovered { about, .. } => {
                Some((about.name.as_str(), about.device_type.as_str(), about.serial_number.as_deref()))
            }
            _ => None,
        })
        .collect();
    let expected =
        [("Front", "schlage_lock", Some("serial-1")), ("Assure (node 1, endpoint 2)", "yale_lock", Some("serial-2"))];
    assert_eq!(names, expected);
}

#[test]
fn a_result_proves_nothing_and_the_lock_is_asked_where_it_says_nothing() {
    let mut fabric = Fabric::plain();
    let unlock = fabric.unlock();
    let out = fabric.answer(unlock, Value::Null);
    assert_eq!((answers(&out), said(&out)), (vec![Answer::Accepted], vec![]));
    assert_eq!(fabric.tick(1.4).asks, []);
    assert_eq!(fabric.tick(1.6).asks, [LOOK]);
    let out = fabric.answer(LOOK, json!({"1/257/0": 2, "1/257/3": 0}));
    assert_eq!(said(&out), [(UNLOCKED, How::Untagged)]);
    assert!(out.signals.iter().any(|signal| matches!(signal, Signal::Door(_, true))));
    assert_eq!(fabric.tick(60.0).asks, [], "once");
}

#[test]
fn the_reports_of_both_kinds_of_server_are_the_locks_word() {
    // A tells what moved it first, B where it is.
    let mut a = Fabric::plain();
    let unlock = a.unlock();
    a.answer(unlock, Value::Null);
    assert_eq!(said(&a.operation(4, 1, 7)), [(UNLOCKED, REMOTE)]);
    assert_eq!(said(&a.attribute("1/257/0", json!(2))), [(UNLOCKED, How::Untagged)]);
    assert_eq!(a.tick(5.0).asks, [], "it has said all");
    let mut b = Fabric::plain();
    let unlock = b.unlock();
    b.answer(unlock, Value::Null);
    assert_eq!(said(&b.attribute("1/257/0", json!(2))), [(UNLOCKED, How::Untagged)]);
    assert_eq!(said(&b.operation(4, 1, 7)), [(UNLOCKED, REMOTE)]);
    assert_eq!(b.tick(5.0).asks, []);
}

#[test]
fn an_event_that_was_told_before_is_not_told_again() {
    let mut fabric = Fabric::plain();
    assert_eq!(said(&fabric.operation(1_004, 1, 1)).len(), 1);
    assert_eq!(said(&fabric.operation(1_004, 1, 1)), []);
    assert_eq!(said(&fabric.operation(1_003, 0, 1)), []);
    assert_eq!(said(&fabric.operation(1_005, 0, 1)).len(), 1);
    // A node that was reset counts from the beginning.
    assert_eq!(said(&fabric.operation(3, 1, 1)).len(), 1);
}

#[test]
fn after_a_node_is_heard_again_it_is_read_before_it_is_believed() {
    let mut fabric = Fabric::plain();
    let out = fabric.updated(&node(1, false, json!({})));
    assert_eq!(reaches(&out), [Reachability::Unreachable]);
    assert_eq!(
        fabric.order(Command::Move(Bolt::Unlocked)),
        Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected))
    );
    // What happened meanwhile is told before the server calls the node available (A).
    assert_eq!(said(&fabric.operation(9, 1, 3)), []);
    // The state that comes with it is an old one (B).
    let out = fabric.updated(&node(1, true, json!({"1/257/0": 1})));
    assert_eq!((reaches(&out), said(&out), out.asks), (vec![Reachability::Reachable], vec![], vec![LOOK]));
    let out = fabric.answer(LOOK, json!({"1/257/0": 2, "1/257/3": 1}));
    assert_eq!(said(&out), [(UNLOCKED, How::Untagged)]);
    // The same once more changes nothing.
    let out = fabric.updated(&node(1, true, json!({})));
    assert!(out.signals.is_empty() && out.asks.is_empty(), "{out:?}");
}

#[test]
fn a_server_that_has_just_begun_is_given_time_to_find_its_locks() {
    let (mut fabric, out) = Fabric::of(&[node(1, false, json!({}))]);
    assert_eq!(reaches(&out), []);
    assert!(fabric.must_wait(), "a command would be refused");
    assert_eq!(fabric.read(1).asks, []);
    fabric.now = 2.0;
    let out = fabric.updated(&node(1, true, json!({})));
    assert_eq!((reaches(&out), out.asks), (vec![Reachability::Reachable], vec![Call::Read(LOCK, true, ReadId(1))]));
    // One that is not found is offline, and the engine has its answer.
    let (mut fabric, _) = Fabric::of(&[node(1, false, json!({}))]);
    fabric.read(1);
    let out = fabric.tick(10.1);
    assert_eq!(reaches(&out), [Reachability::Unreachable]);
    assert!(out.signals.iter().any(|signal| matches!(signal, Signal::ReadFailed(_, ReadId(1)))), "{out:?}");
    assert!(!fabric.must_wait());
}

#[test]
fn nothing_is_asked_of_a_node_before_the_last_answer_came() {
    let mut fabric = Fabric::plain();
    assert!(!fabric.must_wait());
    let unlock = fabric.unlock();
    assert!(fabric.must_wait());
    assert_eq!(fabric.read(1).asks, []);
    let out = fabric.fail(unlock, 0, TIMEOUT);
    assert_eq!((answers(&out), out.asks), (vec![Answer::NotAcknowledged], vec![Call::Read(LOCK, true, ReadId(1))]));
    // The server tries for 45 s; the engine does not wait for that, and a command does.
    let out = fabric.tick(10.1);
    assert!(out.signals.iter().any(|signal| matches!(signal, Signal::ReadFailed(_, ReadId(1)))), "{out:?}");
    assert!(fabric.must_wait());
    let out = fabric.fail(
        Call::Read(LOCK, true, ReadId(1)),
        0,
        "src/protocols/secure_channel/CASESession.cpp:607: CHIP Error 0x00000032: Timeout",
    );
    assert!(out.signals.is_empty(), "it was answered before: {out:?}");
    assert!(!fabric.must_wait());
}

#[test]
fn what_is_told_after_a_command_without_an_answer_is_asked_about() {
    let mut fabric = Fabric::plain();
    let unlock = fabric.unlock();
    fabric.fail(unlock, 0, TIMEOUT);
    let again = fabric.unlock();
    // It is the first command's doing, told late.
    assert_eq!(said(&fabric.operation(5, 1, 7)), []);
    let out = fabric.answer(again, Value::Null);
    assert_eq!(out.asks, [LOOK]);
    let out = fabric.attribute("1/257/0", json!(2));
    assert_eq!(said(&out), []);
    let out = fabric.answer(LOOK, json!({"1/257/0": 2}));
    assert_eq!(said(&out), [(UNLOCKED, How::Untagged)]);
    // From here on its word is good again.
    assert_eq!(said(&fabric.operation(6, 0, 7)), [(LOCKED, REMOTE)]);
}

#[test]
fn a_hand_at_the_door_is_told_in_doubt_too() {
    let mut fabric = Fabric::plain();
    let unlock = fabric.unlock();
    fabric.fail(unlock, 0, "Operation aborted");
    assert_eq!(said(&fabric.operation(5, 1, 1)), [(UNLOCKED, How::Tagged(Method::Manual, None))]);
}

#[test]
fn a_failure_is_looked_into_and_named() {
    let inquest = Call::Inquest(LOCK, ATTEMPT, Bolt::Unlocked);
    let told = |changes: Value, state: Value| {
        let (mut fabric, _) = Fabric::of(&[node(1, true, changes)]);
        let unlock = fabric.unlock();
        let out = fabric.fail(unlock, 0, "InteractionModelError: Failure (0x1)");
        assert_eq!((answers(&out), out.asks), (vec![], vec![inquest.clone()]));
        let out = fabric.answer(inquest.clone(), json!({"1/257/0": state}));
        assert!(!fabric.must_wait());
        answers(&out).remove(0)
    };
    assert_eq!(told(json!({}), json!(0)), Answer::Refused(Refused::Jammed));
    assert_eq!(told(json!({"1/257/37": 2}), json!(1)), Answer::Refused(Refused::PrivacyMode));
    assert!(matches!(told(json!({}), json!(1)), Answer::Refused(Refused::Other(_))));
    let no_remote = told(json!({"1/257/37": 3}), json!(1));
    assert!(
        matches!(&no_remote, Answer::Refused(Refused::Other(why)) if why.contains("NoRemoteLockUnlock")),
        "{no_remote:?}"
    );
    assert_eq!(told(json!({}), json!(2)), Answer::NotAcknowledged, "it did it all the same");
}

#[test]
fn a_lock_that_would_refuse_gets_no_command_and_it_is_said_what_to_do() {
    for (changes, word) in
        [(json!({"1/257/51": true}), "RequirePINforRemoteOperation"), (json!({"1/257/2": false}), "ActuatorEnabled")]
    {
        let (fabric, _) = Fabric::of(&[node(1, true, changes)]);
        match fabric.order(Command::Move(Bolt::Unlocked)) {
            Err(NotWritten::Rejected(why)) => assert!(why.contains(word), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    // Until it says otherwise.
    let (mut fabric, _) = Fabric::of(&[node(1, true, json!({"1/257/51": true}))]);
    fabric.attribute("1/257/51", json!(false));
    assert!(fabric.order(Command::Move(Bolt::Unlocked)).is_ok());
}

#[test]
fn a_jam_is_told_by_alarm_and_state() {
    let mut fabric = Fabric::plain();
    let alarm = json!({
        "node_id": 1, "endpoint_id": 1, "cluster_id": 257, "event_id": 0, "event_number": 7, "data": {"alarmCode": 0},
    });
    assert_eq!(said(&fabric.event("node_event", &alarm)), [(Said::Jammed, How::Untagged)]);
    assert_eq!(said(&fabric.attribute("1/257/0", json!(0))), [(Said::Jammed, How::Untagged)]);
}

#[test]
fn only_the_servers_word_for_a_node_removes_its_lock() {
    let mut fabric = Fabric::plain();
    let out = fabric.list(&[]);
    assert_eq!((gone(&out), out.asks), (vec![], vec![Call::Whereabouts(1)]));
    // It is there after all.
    let out = fabric.answer(Call::Whereabouts(1), node(1, true, json!({})));
    assert_eq!(gone(&out), []);
    let out = fabric.fail(Call::Whereabouts(1), 0, "busy");
    assert_eq!(gone(&out), []);
    let out = fabric.fail(Call::Whereabouts(1), 5, "Node 1 does not exist or has not been interviewed.");
    assert_eq!(gone(&out), [native(FABRIC, LOCK)]);
    let mut fabric = Fabric::plain();
    assert_eq!(gone(&fabric.event("node_removed", &json!(1))), [native(FABRIC, LOCK)]);
    assert!(fabric.order(Command::Move(Bolt::Unlocked)).is_err());
    let mut fabric = Fabric::plain();
    let end = json!({"node_id": 1, "endpoint_id": 1});
    assert_eq!(gone(&fabric.event("endpoint_removed", &end)), [native(FABRIC, LOCK)]);
}

#[test]
fn a_setting_is_believed_when_the_lock_tells_it() {
    let mut fabric = Fabric::plain();
    let set = fabric.order(Command::AutoLock(AutoLock::After(30))).unwrap();
    fabric.nodes.commanded(&set, at(0.0));
    let check = Call::CheckAutoLock(LOCK, ATTEMPT, AutoLock::After(30));
    let written = json!([{"Path": {"EndpointId": 1, "ClusterId": 257, "AttributeId": 35}, "Status": 0}]);
    let out = fabric.answer(set.clone(), written);
    assert_eq!((answers(&out), out.asks), (vec![], vec![check.clone()]));
    assert_eq!(answers(&fabric.answer(check.clone(), json!({"1/257/35": 30}))), [Answer::Accepted]);
    assert!(matches!(&answers(&fabric.answer(check.clone(), json!({"1/257/35": 0})))[..], [Answer::Refused(_)]));
    assert_eq!(answers(&fabric.fail(check, 0, TIMEOUT)), [Answer::NotAcknowledged]);
    let out = fabric.fail(set, 0, "InteractionModelError: UnsupportedWrite (0x88)");
    assert!(matches!(&answers(&out)[..], [Answer::Refused(_)]));
    let mut without = node(1, true, json!({}));
    without["attributes"].as_object_mut().unwrap().remove("1/257/35");
    let (fabric, _) = Fabric::of(&[without]);
    assert!(matches!(fabric.order(Command::AutoLock(AutoLock::Off)), Err(NotWritten::Rejected(_))));
}

#[test]
fn messages_are_told_apart_however_they_are_printed() {
    let none = |_| None;
    // A prints every message over many lines.
    let event = "{\n  \"event\": \"attribute_updated\",\n  \"data\": [\n    1,\n    \"1/257/0\",\n    2\n  ]\n}";
    assert!(matches!(Nodes::read(event, none), Some(Heard::Event(Event::Changed(_)))));
    for unknown in [
        r#"{"event":"server_info_updated","data":{"schema_version":13}}"#,
        r#"{"event":"server_shutdown","data":null}"#,
        r#"{"message_id":"99","result":null}"#,
        "nonsense",
    ] {
        assert!(Nodes::read(unknown, none).is_none(), "{unknown}");
    }
    let take = |number| (number == 3).then_some(LOOK);
    let failed = r#"{"message_id":"3","error_code":3,"details":"Node 1 is not (yet) available."}"#;
    assert!(matches!(Nodes::read(failed, take), Some(Heard::Reply(LOOK, Err(Fault { code: 3, .. })))));
    assert!(matches!(
        Nodes::read(r#"{"message_id":"3","result":null}"#, take),
        Some(Heard::Reply(LOOK, Ok(Value::Null)))
    ));
    let nodes = r#"{"message_id":"1","result":[{"node_id":1,"attributes":{}}]}"#;
    assert!(matches!(Nodes::read(nodes, |_| Some(Call::Listen)), Some(Heard::Nodes(nodes)) if nodes.len() == 1));
}

#[test]
fn a_connection_listens_once() {
    let mut nodes = Nodes::new(FABRIC, &[]);
    let mut out = Outbox::default();
    nodes.list(&mut out);
    nodes.list(&mut out);
    assert_eq!(out.asks, [Call::Listen, Call::List]);
}
