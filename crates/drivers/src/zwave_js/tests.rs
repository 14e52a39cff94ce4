//! The network as values: messages as they were captured from a real server.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use thumbturn_core::commands::Command;
use thumbturn_core::events::Method;
use thumbturn_core::evidence::Words;
use thumbturn_core::ids::{AttemptId, NativeId};
use thumbturn_core::locks::{Bolt, Reachability, Unavailable};
use thumbturn_core::ports::{Answer, How, NotWritten, Order, ReadId, Refused, Said, Signal};
use thumbturn_core::time::Moment;
use uuid::Uuid;

use super::Outbox;
use super::call::Call;
use super::lock::native;
use super::network::Network;
use super::wire::{Dump, Event, Fault};
use crate::websocket::Hub as _;

const HOME: u32 = 0x7e57_0001;
const ATTEMPT: AttemptId = AttemptId(Uuid::nil());

fn at(seconds: f64) -> Moment {
    Moment { wall: Timestamp::UNIX_EPOCH, steady: Duration::ZERO }.after(Duration::from_secs_f64(seconds))
}

fn node(number: u32, ready: bool, status: u32) -> Value {
    let classes = if ready { json!([{"id": 98}, {"id": 113}, {"id": 128}]) } else { json!([]) };
    json!({
        "nodeId": number, "ready": ready, "status": status, "endpoints": [{"index": 0, "commandClasses": classes}],
        "values": [
            {"commandClass": 98, "endpoint": 0, "property": "currentMode", "value": 255},
            {"commandClass": 112, "endpoint": 0, "property": 3, "propertyKey": 1, "value": 7},
            {"commandClass": 98, "endpoint": 0, "property": "lockTimeout"},
        ],
    })
}

/// A network of these nodes that has introduced itself.
struct Net {
    network: Network,
    now: f64,
}

impl Net {
    fn of(nodes: &[Value]) -> Self {
        let mut net = Self { network: Network::new(HOME, &[]), now: 0.0 };
        net.dump(nodes);
        net
    }

    fn dump(&mut self, nodes: &[Value]) -> Outbox {
        let dump: Dump = serde_json::from_value(json!({"state": {"driver": {}, "nodes": nodes}})).unwrap();
        let mut out = Outbox::default();
        self.network.listened(&dump, at(self.now), &mut out);
        out
    }

    fn event(&mut self, event: Value) -> Outbox {
        let event: Event = serde_json::from_value(event).unwrap();
        let mut out = Outbox::default();
        self.network.happened(&event, at(self.now), &mut out);
        out
    }

    fn status(&mut self, node: u32, event: &str) -> Outbox {
        self.event(json!({"source": "node", "event": event, "nodeId": node}))
    }

    fn value(&mut self, property: &str, value: Value) -> Outbox {
        let args = json!({"commandClass": 98, "endpoint": 0, "property": property, "newValue": value, "prevValue": 1});
        self.event(json!({"source": "node", "event": "value updated", "nodeId": 2, "args": args}))
    }

    /// The report of a lock, as the driver passes it on.
    fn report(&mut self, mode: u32, seconds: u32) -> Outbox {
        self.value("insideHandlesCanOpenDoor", json!([true, true, true, true]));
        self.value("outsideHandlesCanOpenDoor", json!([true, true, true, true]));
        self.value("duration", json!({"value": seconds, "unit": "seconds"}));
        self.value("targetMode", json!(mode));
        self.value("currentMode", json!(mode))
    }

    fn notification(&mut self, event: u32) -> Outbox {
        let args = json!({"type": 6, "event": event, "label": "Access Control", "parameters": {"userId": 3}});
        let event = json!({
            "source": "node", "event": "notification", "nodeId": 2, "endpointIndex": 0, "ccId": 113, "args": args,
        });
        self.event(event)
    }

    fn order(&self, node: u32, to: Bolt) -> Result<Call, NotWritten> {
        let order = Order { attempt: ATTEMPT, lock: native(HOME, node), command: Command::Move(to) };
        self.network.command(&order)
    }

    fn command(&mut self, to: Bolt) -> Call {
        let call = self.order(2, to).unwrap();
        self.network.commanded(&call, at(self.now));
        call
    }

    fn read(&mut self, node: u32, number: u64) -> Outbox {
        let mut out = Outbox::default();
        self.network.want_read(&native(HOME, node), ReadId(number), at(self.now), &mut out).unwrap();
        out
    }

    fn answer(&mut self, call: &Call, result: &Value) -> Outbox {
        let mut out = Outbox::default();
        self.network.answered(call, Ok(result), at(self.now), &mut out);
        out
    }

    fn fail(&mut self, call: &Call, code: &str, number: Option<i64>) -> Outbox {
        let fault = Fault { code: code.to_owned(), number, name: None };
        let mut out = Outbox::default();
        self.network.answered(call, Err(&fault), at(self.now), &mut out);
        out
    }

    fn tick(&mut self, now: f64) -> Outbox {
        self.now = now;
        let mut out = Outbox::default();
        self.network.tick(at(now), &mut out);
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
        Signal::Answered(_, _, answer, ..) => Some(answer.clone()),
        _ => None,
    });
    answers.collect()
}

fn reaches(out: &Outbox) -> Vec<(NativeId, Reachability)> {
    let reaches = out.signals.iter().filter_map(|signal| match signal {
        Signal::Reach(native, reach) => Some((native.clone(), *reach)),
        _ => None,
    });
    reaches.collect()
}

fn is_discovered(out: &Outbox) -> bool {
    out.signals.iter().any(|signal| matches!(signal, Signal::Discovered { .. }))
}

#[test]
fn what_the_hub_remembers_is_no_word_of_the_lock() {
    let mut net = Net { network: Network::new(HOME, &[]), now: 0.0 };
    let out = net.dump(&[node(1, true, 4), node(2, true, 4)]);
    assert!(matches!(out.signals.last(), Some(Signal::Synced)));
    assert_eq!(said(&out).last(), Some(&(Said::At(Bolt::Locked), How::Remembered)));
}

#[test]
fn a_position_by_itself_is_the_hubs_and_a_report_is_the_locks() {
    let mut net = Net::of(&[node(2, true, 4)]);
    assert_eq!(said(&net.value("currentMode", json!(0))), []);
    assert_eq!(said(&net.report(0, 0)), [(Said::At(Bolt::Unlocked), How::Untagged)]);
    // The report is through: what follows is not part of it.
    assert_eq!(said(&net.value("currentMode", json!(255))), []);
}

#[test]
fn a_notification_says_what_moved_the_bolt() {
    let mut net = Net::of(&[node(2, true, 4)]);
    assert_eq!(said(&net.value("currentMode", json!(0))), []);
    let keypad = How::Tagged(Method::Keycode, Some(3));
    assert_eq!(said(&net.notification(6)), [(Said::At(Bolt::Unlocked), keypad)]);
    let elsewhere = json!({"source": "node", "event": "notification", "nodeId": 2, "endpointIndex": 1, "ccId": 113,
        "args": {"type": 6, "event": 6}});
    assert_eq!(said(&net.event(elsewhere)), []);
}

#[test]
fn a_bolt_on_its_way_is_not_stuck() {
    let mut net = Net::of(&[node(2, true, 4)]);
    assert_eq!(said(&net.report(254, 3)), []);
    assert_eq!(said(&net.report(254, 0)), [(Said::Jammed, How::Untagged)]);
}

#[test]
fn what_answers_a_read_is_told_once() {
    let mut net = Net::of(&[node(2, true, 4)]);
    let calls = net.read(2, 7).asks;
    assert!(matches!(calls[..], [Call::Read(_, ReadId(7))]), "{calls:?}");
    // The answer overtakes the report that brought it.
    assert_eq!(said(&net.answer(&calls[0], &json!({"value": 255}))), [(Said::At(Bolt::Locked), How::Read(ReadId(7)))]);
    assert_eq!(said(&net.report(255, 0)), []);
    assert_eq!(said(&net.report(0, 0)), [(Said::At(Bolt::Unlocked), How::Untagged)]);
    // What comes in between is no echo of it, and what comes after that is not either.
    let calls = net.read(2, 8).asks;
    net.answer(&calls[0], &json!({"value": 0}));
    net.notification(1);
    assert_eq!(said(&net.report(0, 0)), [(Said::At(Bolt::Unlocked), How::Untagged)]);
}

#[test]
fn a_read_without_an_answer_has_failed() {
    let mut net = Net::of(&[node(2, true, 4)]);
    let failed = |out: &Outbox| matches!(out.signals[..], [Signal::ReadFailed(_, _)]);
    let calls = net.read(2, 1).asks;
    assert!(failed(&net.fail(&calls[0], "zwave_error", Some(204))));
    let calls = net.read(2, 2).asks;
    assert!(failed(&net.answer(&calls[0], &json!({}))));
    let calls = net.read(2, 3).asks;
    let mut out = Outbox::default();
    net.network.unanswered(&calls[0], at(99.0), &mut out);
    assert!(failed(&out));
}

#[test]
fn a_node_is_a_lock_once_it_is_ready() {
    let mut net = Net { network: Network::new(HOME, &[]), now: 0.0 };
    assert!(!is_discovered(&net.dump(&[node(2, false, 4)])));
    let not_there = NotWritten::Unavailable(Unavailable::DeviceDisconnected);
    assert_eq!(net.order(2, Bolt::Unlocked), Err(not_there.clone()));
    let ready = json!({"source": "node", "event": "ready", "nodeId": 2, "nodeState": node(2, true, 4)});
    assert!(is_discovered(&net.event(ready)));
    assert!(net.order(2, Bolt::Unlocked).is_ok());
    // It is interviewed again: no command is taken meanwhile.
    assert_eq!(reaches(&net.status(2, "interview started")), [(native(HOME, 2), Reachability::Unreachable)]);
    assert_eq!(net.order(2, Bolt::Unlocked), Err(not_there));
    assert_eq!(reaches(&net.status(2, "interview completed")), [(native(HOME, 2), Reachability::Reachable)]);
}

#[test]
fn a_lock_that_sleeps_gets_no_command_and_a_dead_one_may() {
    let mut net = Net::of(&[node(2, true, 4)]);
    assert_eq!(reaches(&net.status(2, "sleep")), [(native(HOME, 2), Reachability::Unreachable)]);
    assert!(net.order(2, Bolt::Unlocked).is_err());
    net.status(2, "wake up");
    assert_eq!(reaches(&net.status(2, "dead")), [(native(HOME, 2), Reachability::WorthATry)]);
    assert!(net.order(2, Bolt::Unlocked).is_ok());
    assert_eq!(net.status(2, "dead").signals.len(), 0, "that was known");
    // It may have been moved meanwhile.
    let out = net.status(2, "alive");
    assert_eq!(reaches(&out), [(native(HOME, 2), Reachability::Reachable)]);
    assert!(matches!(out.asks[..], [Call::Look(_)]), "{:?}", out.asks);
}

#[test]
fn a_dead_lock_is_left_alone_unless_it_is_commanded() {
    let mut net = Net::of(&[node(2, true, 3)]);
    assert_eq!(net.read(2, 1).asks.len(), 1);
    let out = net.read(2, 2);
    assert!(out.asks.is_empty() && matches!(out.signals[..], [Signal::ReadFailed(_, ReadId(2))]));
    net.command(Bolt::Unlocked);
    assert_eq!(net.read(2, 3).asks.len(), 1);
    net.now = 100.0;
    assert_eq!(net.read(2, 4).asks.len(), 0);
    net.now = 601.0;
    assert_eq!(net.read(2, 5).asks.len(), 1);
}

#[test]
fn few_locks_are_read_at_a_time_and_the_commanded_one_first() {
    let mut net = Net::of(&(2..=9).map(|number| node(number, true, 4)).collect::<Vec<_>>());
    let asked: Vec<usize> = (3..=9).map(|node| net.read(node, u64::from(node)).asks.len()).collect();
    assert_eq!(asked, [1, 1, 1, 1, 0, 0, 0]);
    net.command(Bolt::Unlocked);
    let urgent = net.read(2, 2).asks;
    assert!(matches!(urgent[..], [Call::Read(_, ReadId(2))]), "{urgent:?}");
    assert!(net.answer(&urgent[0], &json!({"value": 0})).asks.is_empty());
    let Ok(Call::Move(target, ..)) = net.order(3, Bolt::Unlocked) else { panic!("no lock") };
    let next = net.answer(&Call::Read(target, ReadId(3)), &json!({"value": 255})).asks;
    assert!(matches!(next[..], [Call::Read(_, ReadId(7))]), "{next:?}");
}

#[test]
fn a_lock_that_works_is_not_asked_before_it_is_done() {
    let mut net = Net::of(&[node(2, true, 4)]);
    let call = net.command(Bolt::Unlocked);
    let working = json!({"response": {"status": 1, "remainingDuration": {"value": 8, "unit": "seconds"}}});
    assert_eq!(answers(&net.answer(&call, &working)), [Answer::Accepted]);
    net.now = 6.0;
    assert_eq!(net.read(2, 1).asks.len(), 0);
    assert_eq!(net.network.wake_at(at(6.0)).map(|at| at.steady), Some(Duration::from_secs(8)));
    assert!(matches!(net.tick(8.0).asks[..], [Call::Read(_, ReadId(1))]));
}

#[test]
fn a_lock_that_says_nothing_is_asked_once() {
    let mut net = Net::of(&[node(2, true, 4)]);
    let call = net.command(Bolt::Unlocked);
    net.answer(&call, &json!({"response": {"status": 255}}));
    assert!(net.tick(1.0).asks.is_empty());
    assert!(matches!(net.tick(1.6).asks[..], [Call::Look(_)]));
    assert!(net.tick(9.0).asks.is_empty());
    // One that has reported is not asked.
    let call = net.command(Bolt::Unlocked);
    net.report(0, 0);
    net.answer(&call, &json!({}));
    assert!(net.tick(20.0).asks.is_empty());
}

#[test]
fn a_lock_that_says_that_it_failed_is_asked_whether_it_is_jammed() {
    let failed = json!({"response": {"status": 2}});
    let inquest = |net: &mut Net| {
        let call = net.command(Bolt::Unlocked);
        let out = net.answer(&call, &failed);
        assert_eq!(answers(&out), []);
        out.asks[0].clone()
    };
    let mut net = Net::of(&[node(2, true, 4)]);
    let call = inquest(&mut net);
    assert_eq!(answers(&net.answer(&call, &json!({"value": 254}))), [Answer::Refused(Refused::Jammed)]);
    let call = inquest(&mut net);
    let refused = answers(&net.answer(&call, &json!({"value": 255})));
    assert!(matches!(refused[..], [Answer::Refused(Refused::Other(_))]), "{refused:?}");
    let call = inquest(&mut net);
    assert_eq!(answers(&net.answer(&call, &json!({"value": 0}))), [Answer::NotAcknowledged]);
    let call = inquest(&mut net);
    let refused = answers(&net.fail(&call, "zwave_error", Some(204)));
    assert!(matches!(refused[..], [Answer::Refused(Refused::Other(_))]), "{refused:?}");
    // One that told the jam before is not asked.
    let state = json!({"commandClass": 113, "endpoint": 0, "property": "Access Control", "propertyKey": "Lock state",
        "newValue": 11, "prevValue": 0});
    let out = net.event(json!({"source": "node", "event": "value updated", "nodeId": 2, "args": state}));
    assert_eq!(said(&out), [(Said::Jammed, How::Untagged)]);
    let call = net.command(Bolt::Unlocked);
    assert_eq!(answers(&net.answer(&call, &failed)), [Answer::Refused(Refused::Jammed)]);
}

#[test]
fn only_the_hubs_word_for_that_very_node_removes_a_lock() {
    let mut net = Net::of(&[node(2, true, 4), node(3, true, 4)]);
    let out = net.dump(&[]);
    assert_eq!(out.asks, [Call::Whereabouts(2), Call::Whereabouts(3)]);
    let gone = |out: &Outbox| matches!(&out.signals[..], [Signal::Gone(native)] if native.as_str() == "7e570001-2");
    assert!(net.answer(&Call::Whereabouts(2), &json!({"state": {}})).signals.is_empty());
    assert!(net.fail(&Call::Whereabouts(2), "unknown_error", None).signals.is_empty());
    assert!(gone(&net.fail(&Call::Whereabouts(2), "node_not_found", None)));
    let removed = json!({"source": "controller", "event": "node removed", "node": {"nodeId": 3}, "reason": 0});
    assert!(matches!(net.event(removed).signals[..], [Signal::Gone(_)]));
}

#[test]
fn a_driver_that_begins_anew_is_asked_for_everything() {
    let mut net = Net::of(&[node(2, true, 4)]);
    assert_eq!(net.event(json!({"source": "driver", "event": "driver ready"})).asks, [Call::Listen]);
    // A node of which it is not sure yet takes no commands.
    let out = net.dump(&[node(2, false, 0)]);
    assert_eq!(reaches(&out), [(native(HOME, 2), Reachability::Unreachable)]);
    assert!(out.asks.is_empty());
}

#[test]
fn no_code_is_kept_of_what_is_heard() {
    let mut net = Net::of(&[node(2, true, 4)]);
    let args = json!({"type": 6, "event": 6, "parameters": {"userId": 3, "userCode": "8642"}, "eventLabel": "8642"});
    let event =
        json!({"source": "node", "event": "notification", "nodeId": 2, "endpointIndex": 0, "ccId": 113, "args": args});
    let mut words: Vec<Option<Words>> = Vec::new();
    let code = json!({"commandClass": 99, "endpoint": 0, "property": "userCode", "propertyKey": 3, "newValue": "8642"});
    for out in
        [net.event(event), net.event(json!({"source": "node", "event": "value updated", "nodeId": 2, "args": code}))]
    {
        words.extend(out.signals.into_iter().filter_map(|signal| match signal {
            Signal::Said(_, _, words) => Some(words),
            _ => None,
        }));
    }
    assert_eq!(words.len(), 1);
    assert!(words.iter().flatten().all(|words| !words.as_str().contains("8642")), "{words:?}");
}
