//! The device list.

use super::*;

#[test]
fn a_rename_moves_the_topics_and_keeps_the_lock() {
    let mut bench = Bench::at(true, "LOCK");
    let mut out = Outbox::default();
    let vanished = bench.hub.apply(list(vec![yale(IEEE, "new name")]), 100, bench.now, &mut out);
    assert!(vanished.missing.is_empty() && vanished.left.is_empty());
    assert_eq!(out.unsubscribe, [format!("zigbee2mqtt/{NAME}"), format!("zigbee2mqtt/{NAME}/availability")]);
    assert_eq!(out.subscribe, ["zigbee2mqtt/new name", "zigbee2mqtt/new name/availability"]);
    assert!(out.signals.iter().any(
        |signal| matches!(signal, Signal::Discovered { about, .. } if about.native == lock() && about.name == "new name")
    ));
    assert!(bench.state("UNLOCK", &json!({})).is_empty(), "the old topic is nobody's");
    let seen = format!("{:.3}", bench.now.wall);
    let payload = json!({"lock_state": "unlocked", "state": "UNLOCK", "last_seen": seen}).to_string();
    assert_eq!(words(&bench.raw("new name", &payload, false)), [(UNLOCKED, How::Untagged)]);
}

#[test]
fn what_a_renamed_lock_said_before_it_was_heard_again_is_read_back() {
    let mut bench = Bench::at(true, "LOCK");
    let mut out = Outbox::default();
    bench.hub.apply(list(vec![yale(IEEE, "new name")]), 100, bench.now, &mut out);
    assert_eq!(words(&out.signals), [(Said::Unsure, How::Untagged)]);
    bench.hub.tell_reach(&mut out);
    assert!(!out.signals.iter().any(|signal| matches!(signal, Signal::Reach(..))), "it can still be commanded");
    assert!(out.requests.is_empty(), "the answer would be missed");
    bench.pass(200);
    bench.hub.subscribed(bench.now, &mut out);
    assert_eq!(out.requests, [(format!("zigbee2mqtt/{IEEE}/get"), r#"{"state":""}"#.to_owned())]);
    bench.hub.subscribed(bench.now, &mut out);
    assert_eq!(out.requests.len(), 1, "once");
    bench.pass(30);
    let answer = json!({"battery": 92, "lock_state": "unlocked", "state": "UNLOCK",
        "last_seen": format!("{:.3}", bench.now.wall)});
    assert_eq!(words(&bench.raw("new name", &answer.to_string(), false)), [(UNLOCKED, How::Read(OWN_READ))]);
}

#[test]
fn a_lock_that_gets_a_name_that_cannot_be_heard_is_out_of_reach() {
    for name in ["a+b", "c#", "bridge/x"] {
        let mut bench = Bench::at(true, "LOCK");
        let read = bench.ask(7);
        let mut out = Outbox::default();
        bench.hub.apply(list(vec![yale(IEEE, name)]), 100, bench.now, &mut out);
        assert_eq!(out.unsubscribe.len(), 2, "{name}");
        bench.hub.subscribed(bench.now, &mut out);
        bench.hub.tell_reach(&mut out);
        assert!(matches!(out.signals.last(), Some(Signal::Reach(_, Reachability::Unreachable))), "{name}");
        assert_eq!((failed_reads(&out.signals), out.requests.len()), (vec![read], 0), "{name}");
        let unavailable = NotWritten::Unavailable(Unavailable::DeviceDisconnected);
        assert_eq!(bench.hub.command(&lock(), Bolt::Locked), Err(unavailable.clone()));
        assert_eq!(bench.hub.read(&lock()), Err(unavailable));
        bench.hub.apply(list(vec![yale(IEEE, NAME)]), 100, bench.now, &mut out);
        bench.hub.subscribed(bench.now, &mut out);
        bench.hub.tell_reach(&mut out);
        assert!(matches!(out.signals.last(), Some(Signal::Reach(_, Reachability::Reachable))), "{name}");
    }
}

#[test]
fn a_device_whose_bolts_change_gives_up_its_reads_and_is_reached_anew() {
    let mut bench = Bench::at(true, "LOCK");
    let read = bench.ask(7);
    let mut changed = yale(IEEE, NAME);
    changed["definition"]["exposes"][0]["features"][0]["value_on"] = "SHUT".into();
    let mut out = Outbox::default();
    bench.hub.apply(list(vec![changed]), 100, bench.now, &mut out);
    assert_eq!(failed_reads(&out.signals), [read]);
    bench.hub.tell_reach(&mut out);
    let reaches = out.signals.iter().filter_map(|signal| match signal {
        Signal::Reach(_, reach) => Some(*reach),
        _ => None,
    });
    let reaches: Vec<_> = reaches.collect();
    assert_eq!(reaches, [Reachability::Unreachable, Reachability::Reachable], "so that the engine reads it");
}

#[test]
fn two_locks_may_swap_names() {
    let mut bench = Bench::new();
    let mut out = Outbox::default();
    bench.hub.apply(list(vec![yale("0x1", "a"), yale("0x2", "b")]), 100, bench.now, &mut out);
    bench.hub.apply(list(vec![yale("0x1", "b"), yale("0x2", "a")]), 100, bench.now, &mut out);
    let signals = bench.raw("a", r#"{"lock_state":"unlocked","state":"UNLOCK"}"#, false);
    assert!(matches!(&signals[..], [Signal::Said(native, ..)] if native.as_str() == "0x2"));
}

#[test]
fn names_that_cannot_be_topics_break_nothing() {
    let mut bench = Bench::new();
    let mut out = Outbox::default();
    let entries = vec![yale("0x1", "a+b"), yale("0x2", "c#"), yale("0x3", "bridge/state"), yale("0x4", "fine")];
    bench.hub.apply(list(entries), 100, bench.now, &mut out);
    assert_eq!(out.subscribe, ["zigbee2mqtt/fine", "zigbee2mqtt/fine/availability"]);
    bench.hub.subscribed(bench.now, &mut out);
    out.signals.clear();
    bench.hub.tell_reach(&mut out);
    let reachable = out.signals.iter().filter(|signal| matches!(signal, Signal::Reach(_, Reachability::Reachable)));
    assert_eq!((out.signals.len(), reachable.count()), (4, 1), "known, but not within reach");
}

#[test]
fn lists_that_prove_nothing_remove_nothing() {
    let mut bench = Bench::new();
    for entries in [Vec::new(), vec![json!("broken"), yale("0x2", "other")]] {
        let vanished = bench.hub.apply(list(entries), 100, bench.now, &mut Outbox::default());
        assert!(vanished.missing.is_empty() && vanished.left.is_empty());
        assert!(bench.hub.has(&lock()));
    }
    let vanished = bench.hub.apply(list(vec![yale("0x2", "other")]), 100, bench.now, &mut Outbox::default());
    assert_eq!(vanished.missing, [lock()]);
}

#[test]
fn a_lock_that_left_is_gone_with_the_next_list_even_if_it_was_the_last() {
    let mut bench = Bench::new();
    let leave = json!({"type": "device_leave", "data": {"friendly_name": NAME, "ieee_address": IEEE}}).to_string();
    bench.raw("bridge/event", &leave, false);
    assert!(bench.hub.has(&lock()));
    let vanished = bench.hub.apply(list(Vec::new()), 100, bench.now, &mut Outbox::default());
    assert_eq!(vanished.left, [lock()]);
}

#[test]
fn a_lock_that_left_and_joined_again_stays() {
    let mut bench = Bench::new();
    let event = |kind: &str| json!({"type": kind, "data": {"ieee_address": IEEE}}).to_string();
    bench.raw("bridge/event", &event("device_leave"), false);
    bench.raw("bridge/event", &event("device_joined"), false);
    let vanished = bench.hub.apply(list(Vec::new()), 100, bench.now, &mut Outbox::default());
    assert!(vanished.left.is_empty() && vanished.missing.is_empty());
}

#[test]
fn a_lost_list_is_asked_for_with_the_address_of_a_known_lock() {
    let now = Bench::new().now;
    let mut bench = Bench { hub: Hub::new("zigbee2mqtt", vec![IEEE.to_owned()]), now, seen: true };
    bench.raw("bridge/state", r#"{"state":"online"}"#, true);
    assert!(bench.hub.lacks_list());
    bench.pass(1500);
    let mut out = Outbox::default();
    bench.hub.tick(bench.now, &mut out);
    let (topic, payload) = &out.requests[0];
    assert_eq!(topic, "zigbee2mqtt/bridge/request/device/options");
    let payload: Value = serde_json::from_str(payload).unwrap();
    assert_eq!((&payload["id"], &payload["options"]), (&json!(IEEE), &json!({})));
    for _ in 0..24 * 60 {
        bench.pass(60_000);
        bench.hub.tick(bench.now, &mut out);
    }
    assert!((90..120).contains(&out.requests.len()), "seldom, but for ever: {}", out.requests.len());
    bench.hub.apply(list(vec![yale(IEEE, NAME)]), 100, bench.now, &mut out);
    assert_eq!(bench.hub.wake_at(), None);
}

#[test]
fn a_hub_that_does_not_know_an_address_is_asked_with_the_next_one_at_once() {
    let addresses = ["0x1", "0x2", "0x3"];
    let hub = Hub::new("zigbee2mqtt", addresses.map(str::to_owned).to_vec());
    let mut bench = Bench { hub, now: Bench::new().now, seen: true };
    bench.raw("bridge/state", r#"{"state":"online"}"#, true);
    for pause in [1500, 1000, 2000, 4000] {
        bench.pass(pause - 1);
        let mut out = Outbox::default();
        bench.hub.tick(bench.now, &mut out);
        assert!(out.requests.is_empty(), "a pause of {pause} ms");
        bench.pass(1);
        bench.hub.tick(bench.now, &mut out);
        for address in addresses {
            let request: Value = serde_json::from_str(&out.requests[0].1).unwrap();
            assert_eq!((out.requests.len(), &request["id"]), (1, &json!(address)));
            let response = |transaction: &Value, status: &str| {
                json!({"data": {}, "error": format!("Device '{address}' does not exist"), "status": status,
                    "transaction": transaction})
                .to_string()
            };
            for other in [response(&json!("else's"), "error"), response(&Value::Null, "error"), "[]".to_owned()] {
                assert!(bench.respond(&other).is_empty(), "{other}");
            }
            assert!(bench.respond(&response(&request["transaction"], "ok")).is_empty());
            out.requests = bench.respond(&response(&request["transaction"], "error"));
        }
        assert!(out.requests.is_empty(), "each was tried");
    }
}

impl Bench {
    fn respond(&mut self, response: &str) -> Vec<(String, String)> {
        let mut out = Outbox::default();
        let (rest, payload) = ("bridge/response/device/options", response.as_bytes());
        self.hub.hear(&Incoming { rest, payload, retained: false, at: self.now }, &mut out);
        out.requests
    }
}

#[test]
fn locks_beyond_the_limit_are_left_out() {
    let mut bench = Bench::new();
    let mut out = Outbox::default();
    bench.hub.apply(list(vec![yale(IEEE, NAME), yale("0x2", "b"), yale("0x3", "c")]), 1, bench.now, &mut out);
    assert_eq!(bench.hub.count(), 2);
}
