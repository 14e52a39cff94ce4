//! When a lock is asked for its codes, and what it tells of them by itself.

use serde_json::json;
use thumbturn_core::codes::Slot;
use thumbturn_core::locks::Unavailable;
use thumbturn_core::ports::{NotWritten, Signal};

use super::{FABRIC, Fabric, LOCK, at, node};
use crate::matter::Outbox;
use crate::matter::call::{Call, Target};
use crate::matter::codes::CodeCall;
use crate::matter::lock::native;
use crate::websocket::Hub as _;

/// A question about codes.
fn ask(slot: u32) -> Call {
    Call::Code(LOCK, CodeCall::Credential(Slot(slot)))
}

#[test]
fn a_question_about_codes_waits_for_what_was_asked_before_and_for_commands() {
    let mut fabric = Fabric::plain();
    let lock = [native(FABRIC, LOCK)];
    assert_eq!(fabric.nodes.admits(&ask(1), &[]), Ok(true));
    assert_eq!(fabric.nodes.admits(&ask(1), &lock), Ok(false), "a command goes first");
    assert_eq!(fabric.nodes.admits(&ask(1), &[native(FABRIC, Target { node: 2, ..LOCK })]), Ok(true));
    fabric.nodes.commanded(&ask(1), at(0.0));
    assert!(fabric.must_wait());
    assert_eq!(fabric.nodes.admits(&ask(2), &[]), Ok(false));
    fabric.answer(ask(1), json!({"credentialExists": false}));
    assert!(!fabric.must_wait());
    // One that never comes keeps the lock only as long as the server may be at it.
    fabric.nodes.commanded(&ask(2), at(0.0));
    let mut out = Outbox::default();
    fabric.nodes.unanswered(&ask(2), at(120.0), &mut out);
    assert!(!fabric.must_wait());
}

#[test]
fn a_lock_that_is_not_there_is_not_asked_for_codes() {
    let (mut fabric, _) = Fabric::of(&[node(1, false, json!({}))]);
    assert_eq!(fabric.nodes.admits(&ask(1), &[]), Ok(false), "it may be found yet");
    fabric.tick(10.1);
    let away = Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected));
    assert_eq!(fabric.nodes.admits(&ask(1), &[]), away);
    let other = Call::Code(Target { node: 9, endpoint: 1 }, CodeCall::User(1));
    assert_eq!(fabric.nodes.admits(&other, &[]), away);
}

#[test]
fn a_code_that_was_changed_is_told_though_the_lock_was_not_heard_then() {
    let mut fabric = Fabric::plain();
    let mut change = |number: u32| {
        let data = json!({
            "node_id": 1, "endpoint_id": 1, "cluster_id": 257, "event_id": 4, "event_number": number,
            "data": {"lockDataType": 6, "dataOperationType": 0, "operationSource": 3, "userIndex": 1,
                     "fabricIndex": null, "sourceNode": null, "dataIndex": 4},
        });
        fabric.updated(&node(1, number == 4, json!({})));
        let out = fabric.event("node_event", &data);
        out.signals.iter().any(|signal| matches!(signal, Signal::CodesChanged(_, Some(Slot(4)))))
    };
    assert!(change(4));
    assert!(!change(4), "once");
    assert!(change(5));
}
