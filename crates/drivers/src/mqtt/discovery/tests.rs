//! Announcements as captured, and what their topics mean.

use std::time::Duration;

use serde_json::{Value, json};
use thumbturn_core::locks::{Bolt, Reachability, Unavailable};
use thumbturn_core::ports::{How, NotWritten, Said, Signal};

use super::*;

const NUKI: &str = r#"{"~":"nuki/2FFA2329","avty_t":"~/connected","pl_avail":"true","pl_not_avail":"false","cmd_t":"~/lockAction","pl_lock":"2","pl_unlk":"1","pl_open":"3","stat_t":"~/state","stat_locked":"1","stat_locking":"4","stat_unlocked":"3","stat_unlocking":"2","stat_jam":"254","val_tpl":"{% if value in (\"5\",\"6\",\"7\") %}3{% else %}{{value}}{% endif %}","dev":{"ids":"[2FFA2329]","name":"Front","mf":"Nuki","mdl":"Smart Lock 3.0 Pro"},"uniq_id":"2FFA2329_lock"}"#;

const ZIGBEE: &str = r#"{"availability":[{"topic":"zigbee2mqtt/bridge/state","value_template":"{{ value_json.state }}"}],"availability_mode":"all","command_topic":"zigbee2mqtt/lock-001/set","state_topic":"zigbee2mqtt/lock-001","state_locked":"LOCK","state_unlocked":"UNLOCK","value_template":"{{ value_json[\"state\"] }}","device":{"identifiers":["zigbee2mqtt_0x00158d0000a00001"]},"origin":{"name":"Zigbee2MQTT"},"unique_id":"0x00158d0000a00001_lock_zigbee2mqtt"}"#;

struct Bench {
    discovery: Discovery,
    at: Moment,
    native: Vec<String>,
    room: usize,
    /// Whether the broker grants every topic at once.
    grants: bool,
}

impl Bench {
    fn new() -> Self {
        let at = Moment { wall: "2026-11-23T00:00:00Z".parse().unwrap(), steady: Duration::from_secs(9) };
        let bases = ["zigbee2mqtt".to_owned()];
        Self { discovery: Discovery::new("homeassistant", &bases), at, native: Vec::new(), room: 10, grants: true }
    }

    fn hear(&mut self, topic: &str, payload: &str, retained: bool) -> (Outbox, Vec<NativeId>) {
        let mut out = Outbox::default();
        let native = self.native.clone();
        let is_native = |ieee: &str| native.iter().any(|known| known == ieee);
        let incoming = Incoming { topic, payload: payload.as_bytes(), retained, at: self.at };
        let gone = self.discovery.hear(&incoming, self.room, &is_native, &mut out);
        if self.grants {
            out.subscribe.iter().for_each(|topic| self.discovery.granted(topic));
        }
        (out, gone)
    }

    fn announce(&mut self, config: &Value) -> Outbox {
        self.hear("homeassistant/lock/x/config", &config.to_string(), true).0
    }

    fn said(&mut self, topic: &str, payload: &str) -> Vec<(Said, How)> {
        words(&self.hear(topic, payload, false).0)
    }

    fn reach(&mut self) -> Vec<Reachability> {
        let mut out = Outbox::default();
        self.discovery.tell_reach(&mut out);
        let reaches = out.signals.iter().filter_map(|signal| match signal {
            Signal::Reach(_, reach) => Some(*reach),
            _ => None,
        });
        reaches.collect()
    }

    fn command(&self, wanted: Bolt) -> Result<(String, String), NotWritten> {
        let native = self.discovery.entities.keys().next().unwrap();
        self.discovery.command(native, wanted)
    }
}

fn words(out: &Outbox) -> Vec<(Said, How)> {
    let words = out.signals.iter().filter_map(|signal| match signal {
        Signal::Said(_, report, _) => Some((report.said, report.how)),
        _ => None,
    });
    words.collect()
}

fn minimal() -> Value {
    json!({"command_topic": "x/set", "state_topic": "x/state", "unique_id": "x"})
}

fn with(further: &Value) -> Value {
    let mut config = minimal();
    config.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    config
}

#[test]
fn a_captured_nuki_is_understood() {
    let mut bench = Bench::new();
    let (out, _) = bench.hear("homeassistant/lock/nuki/config", NUKI, true);
    let Signal::Discovered { about, traits } = &out.signals[0] else { panic!() };
    assert_eq!((about.native.as_str(), about.name.as_str()), ("discovery:2FFA2329_lock", "Front"));
    assert_eq!((about.device_type.as_str(), about.model.as_str()), ("nuki_lock", "Smart Lock 3.0 Pro"));
    assert!(traits.reports && !traits.readable && !traits.tags);
    assert_eq!(out.subscribe, ["nuki/2FFA2329/connected", "nuki/2FFA2329/state"]);
    assert_eq!(bench.reach(), [Reachability::Unreachable]);
    bench.hear("nuki/2FFA2329/connected", "true", true);
    assert_eq!(bench.reach(), [Reachability::Reachable]);
    assert_eq!(bench.command(Bolt::Unlocked), Ok(("nuki/2FFA2329/lockAction".to_owned(), "1".to_owned())));
    for (payload, expected) in [
        ("1", Some(Said::At(Bolt::Locked))),
        ("2", None),
        ("3", Some(Said::At(Bolt::Unlocked))),
        ("4", None),
        ("5", Some(Said::At(Bolt::Unlocked))),
        ("254", Some(Said::Jammed)),
        ("255", None),
        ("", None),
    ] {
        let said: Vec<_> = bench.said("nuki/2FFA2329/state", payload).into_iter().map(|(said, _)| said).collect();
        assert_eq!(said.first().copied(), expected, "{payload}");
    }
    bench.hear("nuki/2FFA2329/connected", "false", false);
    assert_eq!(bench.reach(), [Reachability::Unreachable]);
    assert_eq!(bench.command(Bolt::Locked), Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected)));
}

#[test]
fn default_words_and_ways() {
    let mut bench = Bench::new();
    bench.announce(&minimal());
    assert_eq!(bench.reach(), [Reachability::Reachable]);
    let (out, _) = bench.hear("x/state", "LOCKED", true);
    assert_eq!(words(&out), [(Said::At(Bolt::Locked), How::Remembered)]);
    for (payload, expected) in [
        ("LOCKED", Some(Said::At(Bolt::Locked))),
        ("UNLOCKED", Some(Said::At(Bolt::Unlocked))),
        ("OPEN", Some(Said::At(Bolt::Unlocked))),
        ("JAMMED", Some(Said::Jammed)),
        ("None", Some(Said::Unsure)),
        ("LOCKING", None),
        ("UNLOCKING", None),
        ("OPENING", None),
        ("locked", None),
        ("", None),
    ] {
        let said = bench.said("x/state", payload);
        assert_eq!(said, expected.map(|said| vec![(said, How::Untagged)]).unwrap_or_default(), "{payload}");
    }
    let (out, _) = bench.hear("x/state", "\u{fffd}", false);
    assert!(out.signals.is_empty());
}

#[test]
fn numbers_are_words_and_json_is_looked_into() {
    let mut bench = Bench::new();
    bench.announce(&with(&json!({"state_locked": 255, "state_unlocked": 0, "payload_lock": 255, "payload_unlock": 0,
        "value_template": "{{ value_json.value }}", "command_template": "{\"value\": {{ value }}}"})));
    assert_eq!(bench.said("x/state", r#"{"time":1,"value":255}"#), [(Said::At(Bolt::Locked), How::Untagged)]);
    assert_eq!(bench.said("x/state", r#"{"time":1,"value":0}"#), [(Said::At(Bolt::Unlocked), How::Untagged)]);
    assert_eq!(bench.said("x/state", "garbage"), []);
    assert_eq!(bench.command(Bolt::Unlocked), Ok(("x/set".to_owned(), r#"{"value": 0}"#.to_owned())));
}

#[test]
fn locks_that_never_confirm_are_called_so() {
    for config in [
        json!({"command_topic": "x/set", "unique_id": "x"}),
        with(&json!({"optimistic": true})),
        with(&json!({"state_topic": "x/set"})),
    ] {
        let mut bench = Bench::new();
        let out = bench.announce(&config);
        assert!(matches!(&out.signals[..], [Signal::Discovered { traits, .. }] if !traits.reports), "{config}");
        assert!(out.subscribe.is_empty());
        assert!(bench.command(Bolt::Locked).is_ok());
    }
}

#[test]
fn availability_counts_as_its_mode_says() {
    let pair = json!([{"t": "a"}, {"topic": "b", "payload_available": "1", "payload_not_available": "0",
        "value_template": "{{ value_json.up }}"}]);
    for (mode, after_a, after_both, after_a_off) in
        [("all", false, true, false), ("any", true, true, true), ("latest", true, true, false)]
    {
        let mut bench = Bench::new();
        bench.announce(&with(&json!({"avty": pair, "avty_mode": mode})));
        let mut online = |topic: &str, payload: &str| {
            bench.hear(topic, payload, false);
            bench.discovery.entities.values().next().unwrap().reach() == Reachability::Reachable
        };
        assert!(!online("b", "nonsense"), "{mode}");
        assert_eq!(online("a", "online"), after_a, "{mode}");
        assert_eq!(online("b", r#"{"up":1}"#), after_both, "{mode}");
        assert_eq!(online("a", "offline"), after_a_off, "{mode}");
    }
}

#[test]
fn an_update_takes_the_place_of_the_old_announcement() {
    let mut bench = Bench::new();
    bench.announce(&minimal());
    assert!(bench.announce(&minimal()).signals.is_empty(), "nothing new");
    let out = bench.announce(&with(&json!({"state_topic": "y/state", "name": "Back"})));
    assert_eq!((out.unsubscribe, out.subscribe), (vec!["x/state".to_owned()], vec!["y/state".to_owned()]));
    assert!(matches!(&out.signals[..], [Signal::Discovered { about, .. }] if about.name == "Back"));
    assert_eq!(bench.said("x/state", "LOCKED"), []);
    assert_eq!(bench.said("y/state", "LOCKED").len(), 1);
}

#[test]
fn an_empty_announcement_removes_and_a_broken_one_does_not() {
    let mut bench = Bench::new();
    bench.announce(&minimal());
    for broken in ["{", "[]", "5", r#"{"state_topic":"x"}"#, r#"{"command_topic":"a/#"}"#] {
        assert!(bench.hear("homeassistant/lock/x/config", broken, false).1.is_empty(), "{broken}");
        assert_eq!(bench.discovery.count(), 1);
    }
    let (out, gone) = bench.hear("homeassistant/lock/x/config", "", false);
    assert_eq!((gone, out.unsubscribe), (vec![NativeId("discovery:x".to_owned())], vec!["x/state".to_owned()]));
    assert!(bench.hear("homeassistant/lock/x/config", "", false).1.is_empty());
}

#[test]
fn a_device_message_may_hold_several_locks_and_remove_one() {
    let mut bench = Bench::new();
    let topic = "homeassistant/device/gate/config";
    let config = json!({"dev": {"name": "Gate", "ids": "g"}, "o": {"name": "x"}, "avty_t": "gate/up", "cmps": {
        "left": {"p": "lock", "uniq_id": "l", "cmd_t": "l/set", "stat_t": "l/state", "name": "Left"},
        "right": {"p": "lock", "uniq_id": "r", "cmd_t": "r/set", "stat_t": "r/state", "name": null},
        "battery": {"p": "sensor", "uniq_id": "b", "stat_t": "b"}}});
    let (out, _) = bench.hear(topic, &config.to_string(), true);
    let names = out.signals.iter().filter_map(|signal| match signal {
        Signal::Discovered { about, .. } => Some(about.name.clone()),
        _ => None,
    });
    let names = names.collect::<Vec<_>>();
    assert_eq!(names, ["Gate Left", "Gate"]);
    assert!(out.subscribe.contains(&"gate/up".to_owned()));
    let config = json!({"dev": {"name": "Gate", "ids": "g"}, "cmps": {"left": {"p": "lock"}}});
    assert_eq!(bench.hear(topic, &config.to_string(), false).1, [NativeId("discovery:l".to_owned())]);
    assert_eq!(bench.hear(topic, "", false).1, [NativeId("discovery:r".to_owned())]);
}

#[test]
fn locks_of_zigbee2mqtt_are_not_listed_twice_nor_as_something_less() {
    let topic = "homeassistant/lock/0x00158d0000a00001/lock/config";
    let mut bench = Bench::new();
    bench.hear(topic, ZIGBEE, true);
    assert_eq!(bench.discovery.count(), 0, "its hub is ours");
    bench.native = vec!["0x00158d0000a00001".to_owned()];
    let elsewhere = ZIGBEE.replace("zigbee2mqtt/", "z2/").replace("Zigbee2MQTT", "renamed");
    bench.hear(topic, &elsewhere, true);
    assert_eq!(bench.discovery.count(), 0, "its address is known");
    bench.native.clear();
    let elsewhere = ZIGBEE.replace("zigbee2mqtt/", "z2/");
    bench.hear(topic, &elsewhere, true);
    assert_eq!(bench.discovery.count(), 0, "a jam could not be told from an open bolt");
}

#[test]
fn what_cannot_work_is_left_out() {
    for config in [
        with(&json!({"value_template": "{{ states('lock.x') }}"})),
        with(&json!({"command_template": "{{ value | regex_replace('a', 'b') }}"})),
        with(&json!({"avty": [{"t": "a", "val_tpl": "{{"}]})),
        with(&json!({"state_topic": "a/+"})),
        with(&json!({"unique_id": "x".repeat(600)})),
    ] {
        let mut bench = Bench::new();
        assert!(bench.announce(&config).signals.is_empty(), "{config}");
        assert_eq!(bench.discovery.count(), 0);
    }
    let mut bench = Bench::new();
    bench.room = 0;
    assert!(bench.announce(&minimal()).signals.is_empty());
}

/// A template that passed its check is sound: what fails later is the payload's fault, and the next payload may fit.
#[test]
fn an_odd_payload_is_passed_over() {
    let template = "{% if value == 'odd' %}{{ states('x') }}{% elif value == 'long' %}{% for a in range(9999) %}\
                    {% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}{% else %}{{ value.upper() }}{% endif %}";
    let mut bench = Bench::new();
    bench.announce(&with(&json!({"value_template": template})));
    assert_eq!(bench.reach(), [Reachability::Reachable]);
    for odd in ["odd", "long"] {
        assert_eq!(bench.said("x/state", odd), [], "{odd}");
        assert_eq!(bench.reach(), [], "{odd}");
        assert!(bench.command(Bolt::Locked).is_ok(), "{odd}");
        assert_eq!(bench.said("x/state", "locked"), [(Said::At(Bolt::Locked), How::Untagged)], "{odd}");
    }
    let mut bench = Bench::new();
    bench.announce(&with(&json!({"value_template": "{{ value_json.state.upper() }}"})));
    assert_eq!(bench.said("x/state", r#"{"state":5}"#), []);
    assert_eq!(bench.said("x/state", r#"{"state":"locked"}"#), [(Said::At(Bolt::Locked), How::Untagged)]);
}

#[test]
fn a_lock_that_wants_a_code_says_so_unless_it_may_be_left_out() {
    for (format, usable) in [("^\\d{4}$", false), ("^\\d{4,8}", false), (".*", true), ("^(\\d{4})?$", true), ("", true)]
    {
        let mut bench = Bench::new();
        bench.announce(&with(&json!({"code_format": format})));
        assert_eq!(bench.command(Bolt::Locked).is_ok(), usable, "{format}");
    }
}

#[test]
fn the_same_id_announced_twice_is_one_lock() {
    let mut bench = Bench::new();
    bench.announce(&minimal());
    let other = with(&json!({"command_topic": "other/set"}));
    assert!(bench.hear("homeassistant/lock/y/config", &other.to_string(), true).0.signals.is_empty());
    assert_eq!(bench.command(Bolt::Locked).unwrap().0, "x/set");
    assert!(bench.hear("homeassistant/lock/y/config", "", false).1.is_empty());
    assert_eq!(bench.discovery.count(), 1);
}

/// The broker sends what it kept again whenever another lock begins to share the topic.
#[test]
fn what_the_broker_kept_does_not_undo_a_later_word() {
    let mut bench = Bench::new();
    bench.announce(&with(&json!({"avty_t": "up"})));
    bench.hear("up", "online", true);
    assert_eq!(bench.reach(), [Reachability::Reachable]);
    assert_eq!(words(&bench.hear("x/state", "LOCKED", true).0), [(Said::At(Bolt::Locked), How::Remembered)]);
    assert_eq!(bench.said("x/state", "None"), [(Said::Unsure, How::Untagged)]);
    bench.hear("up", "offline", false);
    assert_eq!(bench.reach(), [Reachability::Unreachable]);
    bench.hear("up", "online", true);
    assert_eq!(bench.reach(), []);
    assert_eq!(words(&bench.hear("x/state", "LOCKED", true).0), []);
}

#[test]
fn topics_of_the_broker_itself_are_nobodys_lock() {
    for config in [
        with(&json!({"command_topic": "$CONTROL/dynamic-security/v1"})),
        with(&json!({"state_topic": "$share/x"})),
        with(&json!({"avty_t": "$SYS/uptime"})),
        with(&json!({"state_topic": "x/\u{1}"})),
        with(&json!({"avty_t": vec!["x"; 300].join("/")})),
    ] {
        let mut bench = Bench::new();
        assert!(bench.announce(&config).signals.is_empty(), "{config}");
    }
}

#[test]
fn a_lock_is_reachable_once_all_of_its_topics_are_granted() {
    let mut bench = Bench::new();
    bench.grants = false;
    bench.announce(&with(&json!({"avty_t": "up"})));
    bench.hear("up", "online", true);
    bench.discovery.granted("up");
    bench.discovery.refused("x/state");
    assert_eq!(bench.reach(), [Reachability::Unreachable]);
    assert_eq!(bench.command(Bolt::Locked), Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected)));
    bench.discovery.granted("x/state");
    assert_eq!(bench.reach(), [Reachability::Reachable]);
}

/// Home Assistant's `migrate_discovery`: the new announcement comes first, then the old one is emptied.
#[test]
fn a_lock_that_is_announced_elsewhere_moves_when_the_old_announcement_is_emptied() {
    for component in [json!({"p": "lock", "name": "Back"}), json!({"p": "lock", "name": null})] {
        let mut bench = Bench::new();
        bench.announce(&minimal());
        bench.hear("homeassistant/lock/x/config", r#"{"migrate_discovery": true}"#, false);
        let mut successor = json!({"cmps": {"door": component}, "dev": {"name": "Gate", "ids": "g"}});
        successor["cmps"]["door"].as_object_mut().unwrap().extend(minimal().as_object().unwrap().clone());
        let topic = "homeassistant/device/gate/config";
        assert!(bench.hear(topic, &successor.to_string(), true).0.signals.is_empty());
        let (out, gone) = bench.hear("homeassistant/lock/x/config", "", false);
        assert_eq!(gone, []);
        assert!(
            matches!(&out.signals[..], [Signal::Discovered { about, .. }] if about.native.as_str() == "discovery:x")
        );
        assert!(out.unsubscribe.is_empty(), "no word of the lock may get lost meanwhile");
        assert_eq!(bench.said("x/state", "LOCKED").len(), 1);
        assert!(bench.command(Bolt::Locked).is_ok());
        assert_eq!(bench.hear(topic, "", false).1, [NativeId("discovery:x".to_owned())]);
    }
}

#[test]
fn an_announcement_that_waits_follows_its_own_topic() {
    let second = with(&json!({"command_topic": "second/set"}));
    let third = with(&json!({"command_topic": "third/set"}));
    let mut bench = Bench::new();
    bench.announce(&minimal());
    bench.hear("homeassistant/lock/y/config", &second.to_string(), true);
    bench.hear("homeassistant/lock/y/config", &third.to_string(), true);
    assert_eq!(bench.hear("homeassistant/lock/x/config", "", false).1, []);
    assert_eq!(bench.command(Bolt::Locked).unwrap().0, "third/set");
    // One that is identical, and taken back before its turn.
    bench.hear("homeassistant/lock/z/config", &third.to_string(), true);
    bench.hear("homeassistant/lock/z/config", "", true);
    assert_eq!(bench.hear("homeassistant/lock/y/config", "", false).1.len(), 1);
}

/// The device message that held a lock may also just drop the component.
#[test]
fn a_component_that_moved_is_not_gone() {
    let mut bench = Bench::new();
    let component = |extra: &Value| {
        let mut lock = with(&json!({"p": "lock"}));
        lock.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"cmps": {"door": lock}, "dev": {"ids": "g"}}).to_string()
    };
    bench.hear("homeassistant/device/a/config", &component(&json!({})), true);
    bench.hear("homeassistant/device/b/config", &component(&json!({"command_topic": "b/set"})), true);
    let dropped = json!({"cmps": {"door": {"p": "lock"}}, "dev": {"ids": "g"}}).to_string();
    assert_eq!(bench.hear("homeassistant/device/a/config", &dropped, false).1, []);
    assert_eq!(bench.command(Bolt::Locked).unwrap().0, "b/set");
    assert_eq!(bench.hear("homeassistant/device/b/config", &dropped, false).1.len(), 1);
}

/// Availability that was heard stays heard when an announcement changes elsewhere, and what is new is asked for.
#[test]
fn an_update_forgets_nothing_that_is_still_true() {
    let mut bench = Bench::new();
    bench.announce(&with(&json!({"avty": [{"t": "up"}]})));
    bench.hear("up", "online", true);
    assert_eq!(bench.reach(), [Reachability::Reachable]);
    let out = bench.announce(&with(&json!({"avty": [{"t": "up"}], "name": "Back"})));
    assert!(out.subscribe.is_empty() && out.unsubscribe.is_empty(), "nothing may get lost in between");
    assert_eq!(bench.reach(), []);
    for mode in ["latest", "any"] {
        let out = bench.announce(&with(&json!({"avty": [{"t": "up"}, {"t": "more"}], "avty_mode": mode})));
        assert_eq!(bench.reach(), [], "{mode}");
        assert!(out.unsubscribe.is_empty());
    }
    let out = bench.announce(&with(&json!({"avty": [{"t": "up", "pl_avail": "1"}]})));
    assert!(out.subscribe.contains(&"up".to_owned()), "the broker is to say it again");
    assert_eq!(bench.reach(), [Reachability::Unreachable]);
    bench.hear("up", "1", true);
    assert_eq!(bench.reach(), [Reachability::Reachable]);
}

/// A bolt that already is where it should be may still jam: its motor takes 2 to 3 s, and clients wait for 5 s.
#[test]
fn a_lock_that_already_is_there_is_given_time_to_jam() {
    let mut bench = Bench::new();
    let out = bench.announce(&minimal());
    let Signal::Discovered { traits, .. } = &out.signals[0] else { panic!() };
    assert!((Duration::from_millis(3500)..Duration::from_secs(4)).contains(&traits.settle_unchanged));
}

#[test]
fn without_a_unique_id_the_topic_names_the_lock() {
    let mut bench = Bench::new();
    let config = json!({"cmd_t": "x/set"}).to_string();
    bench.hear("homeassistant/lock/node/door/config", &config, true);
    assert!(bench.discovery.has(&NativeId("discovery:node/door".to_owned())));
}
