//! What is heard of codes.

use serde_json::{Value, json};
use thumbturn_core::codes::{Code, Content, Slot};
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::Signal;

use super::{Stage, at, entry, state};
use crate::home_assistant::Outbox;
use crate::home_assistant::call::{Call, CodeCall, FIRST, Service};
use crate::home_assistant::wire;
use crate::websocket::Hub as _;

fn slot_event(property: &str, value: Value) -> Value {
    let trigger = json!({"platform": "zwave_js.value_updated", "device_id": "d1", "node_id": 2, "command_class": 99,
                         "property": property, "endpoint": null, "property_key": 3, "previous_value_raw": "8642",
                         "current_value": value, "current_value_raw": value});
    json!({"variables": {"trigger": trigger}, "context": null})
}

#[test]
fn what_a_zwave_lock_reports_of_a_slot_is_heard_while_it_is_asked_and_shown_to_nobody() {
    let mut stage = Stage::with("zwave_js", "locked");
    let (slot, pin) = (Slot(3), Pin::new("8642").unwrap());
    stage.event(slot_event("userIdStatus", json!(1)));
    assert_eq!(stage.home.slots().so_far("d1", slot), None, "nobody asked");

    stage.home.slots().begin("d1", slot);
    stage.event(slot_event("userIdStatus", json!(1)));
    assert_eq!(stage.home.slots().whole("d1", slot), None, "its code is yet to come");
    assert!(matches!(stage.home.slots().so_far("d1", slot), Some(Content::Held(held)) if held.code == Code::Hidden));
    stage.event(slot_event("userCode", json!("8642")));
    assert!(stage.home.slots().whole("d1", slot).unwrap().is(&pin));
    let heard = wire::event(&slot_event("userCode", json!("8642")).to_string()).unwrap();
    let set = Call::Code(CodeCall::Set(Service::Zwave, "lock.front".to_owned(), slot, pin));
    for text in [format!("{:?}", stage.home.slots()), format!("{heard:?}"), format!("{set:?}")] {
        assert!(!text.contains("8642"), "{text}");
    }
    // What was heard before is no answer to the next question.
    stage.home.slots().begin("d1", slot);
    assert_eq!(stage.home.slots().so_far("d1", slot), None);
    stage.event(slot_event("userIdStatus", json!(0)));
    assert_eq!(stage.home.slots().whole("d1", slot), Some(Content::Empty));
    for _ in 0..2 {
        stage.home.slots().end("d1", slot);
    }
    stage.event(slot_event("userCode", json!("8642")));
    assert_eq!(stage.home.slots().so_far("d1", slot), None, "nothing is kept");
}

#[test]
fn an_administrator_hears_which_codes_of_zwave_locks_change() {
    for (is_admin, platform, is_last, hears) in [
        (true, "zwave_js", false, true),
        (true, "zwave_js", true, true),
        (false, "zwave_js", false, false),
        (true, "mqtt", false, false),
    ] {
        let mut stage = Stage::new(platform, vec![entry("r1", "lock.front", platform)]);
        let mut out = Outbox::default();
        stage.home.list(&mut out);
        stage.take(&mut out);
        let user = json!({"success": true, "result": {"id": "u", "is_admin": is_admin}});
        let is_user = |call: &Call| *call == Call::User;
        if !is_last {
            stage.answer(is_user, user.clone());
        }
        stage.event(json!({"a": {"lock.front": state("locked")}}));
        stage.list();
        if is_last {
            assert_eq!(stage.home.is_admin(), None);
            stage.answer(is_user, user);
        }
        assert_eq!(stage.home.is_admin(), Some(is_admin));
        assert_eq!(stage.open.contains(&Some(Call::WatchZwave)), hears, "{is_admin} {platform}");
        let notified = |event: u32, device: &str| {
            json!({"event_type": "zwave_js_notification", "data": {"device_id": device, "command_class": 113, "type": 6,
                   "event": event, "parameters": {"userId": 3}}})
        };
        let changed = |out: &Outbox| {
            let fits = |signal: &&Signal| matches!(signal, Signal::CodesChanged(_, Some(Slot(3))));
            out.signals.iter().filter(fits).count()
        };
        let expected = usize::from(platform == "zwave_js");
        assert_eq!(changed(&stage.event(notified(14, "d1"))), expected);
        assert_eq!(changed(&stage.event(notified(13, "d1"))), expected);
        assert_eq!(changed(&stage.event(notified(14, "d2"))), 0);
        let began = at(stage.now);
        stage.event(notified(15, "d1"));
        let (this, other) = (Slot(3), Slot(4));
        assert_eq!(stage.home.slots().told_duplicate("d1", this, began), platform == "zwave_js");
        assert!(!stage.home.slots().told_duplicate("d1", other, began));
        assert!(!stage.home.slots().told_duplicate("d1", this, at(stage.now + 1.0)));
    }
}

#[test]
fn whoever_no_longer_listens_is_told_nothing_more() {
    let mut stage = Stage::with("zwave_js", "locked");
    stage.open.push(Some(Call::Code(CodeCall::Listen("lock.front".to_owned(), Slot(3)))));
    stage.answer(|call| matches!(call, Call::Code(_)), json!({"success": true, "result": null}));
    let number = stage.open.len() as u64 - 2 + FIRST;
    assert_eq!(stage.open.last(), Some(&Some(Call::Unlisten(number))));
}
