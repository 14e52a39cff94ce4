//! Scripts of virtual locks: what becomes of each of the next commands. Ours, not Seam's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::enums::string_enum;
use crate::params::{Param, Strict, object};
use crate::problems::Problems;
use crate::sandbox::Milliseconds;
use crate::schema::Schema;
use crate::values::{Fraction, List};

/// How many steps a script may have.
const MOST_STEPS: usize = 100;

/// A script.
pub type SandboxScript = List<SandboxStepGiven, 0, MOST_STEPS>;

string_enum! {
    /// What becomes of one command.
    SandboxStepFault {
        /// The lock obeys.
        Obey = "obey",
        /// The lock refuses.
        Refuse = "refuse",
        /// The lock is in privacy mode and refuses remote operation.
        Privacy = "privacy",
        /// The hub reports a movement that did not happen.
        Lie = "lie",
        /// Acknowledged, and nothing happens.
        Ignore = "ignore",
        /// Something is in the bolt's way and the lock says so.
        Obstruct = "obstruct",
        /// The bolt gets stuck half-way and the lock says so.
        Jam = "jam",
        /// The bolt moves and the lock says nothing.
        Mute = "mute",
        /// The hub reports the old state first.
        Stale = "stale",
        /// The lock falls off the network.
        Offline = "offline",
    }
}

string_enum! {
    /// What a hand does at the door after a command.
    SandboxThen {
        /// Turn the thumb-turn so that it locks.
        TurnLock = "turn_lock",
        /// Turn the thumb-turn so that it unlocks.
        TurnUnlock = "turn_unlock",
        /// Take the battery out.
        PowerOff = "power_off",
        /// Put the battery in.
        PowerOn = "power_on",
    }
}

/// What is left to become of a coming command.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SandboxStep {
    /// What becomes of it.
    pub fault: SandboxStepFault,
    /// What a hand does afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<SandboxThen>,
    /// To which charge the battery falls afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery_level: Option<f64>,
    /// How many milliseconds after the command reached the lock that happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
}

object! {
    /// A step in full.
    SandboxStepFields {
        /// What becomes of the command; without it the lock obeys.
        fault: Option<SandboxStepFault>,
        /// What a hand does afterwards.
        then: Option<SandboxThen>,
        /// To which charge, 0 to 1, the battery falls afterwards.
        battery_level: Option<Fraction>,
        /// How many milliseconds after the command reached the lock that happens; without it at once.
        after_ms: Option<Milliseconds>,
    }
}

/// A step of a script, as it is given: the word of what becomes of the command, or an object that says more.
#[derive(Debug, Clone, PartialEq)]
pub struct SandboxStepGiven(pub SandboxStepFields);

impl Param for SandboxStepGiven {
    fn schema() -> Schema {
        // The official generator, which builds the command line from our document, takes no value that may be a text or an
        // object. So the document has the object; the word is said in prose.
        SandboxStepFields::schema()
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        match value {
            Value::String(_) => {
                let fault = Some(SandboxStepFault::read(value, problems)?);
                Some(Self(SandboxStepFields { fault, then: None, battery_level: None, after_ms: None }))
            }
            Value::Object(_) => in_full(value, problems),
            _ => {
                problems.add_type("string or object", value);
                None
            }
        }
    }
}

fn in_full(value: &Value, problems: &mut Problems) -> Option<SandboxStepGiven> {
    let step = Strict::<SandboxStepFields>::read(value, problems)?.0;
    if step.after_ms.is_some() && step.then.is_none() && step.battery_level.is_none() {
        problems.at("after_ms", |at| at.add("Says when 'then' or 'battery_level' happens: one of them is required"));
        return None;
    }
    Some(SandboxStepGiven(step))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Kind;

    fn read(value: Value) -> Result<Vec<SandboxStepGiven>, String> {
        let mut problems = Problems::default();
        SandboxScript::read(&value, &mut problems).map(List::into_vec).ok_or_else(|| problems.message())
    }

    #[test]
    fn a_word_is_short_for_an_object() {
        let steps = read(json!(["jam", {"fault": "jam"}, {}, "obey"])).unwrap();
        assert_eq!(steps[0], steps[1]);
        assert_eq!((steps[2].0.fault, steps[3].0.fault), (None, Some(SandboxStepFault::Obey)));
        assert_eq!(read(json!([])).unwrap(), []);
        assert_eq!(read(json!(vec!["obey"; 100])).unwrap().len(), 100);
    }

    #[test]
    fn the_document_has_one_kind_of_step() {
        let Kind::Array { items, max_items: Some(100), .. } = SandboxScript::schema().kind else { panic!() };
        assert!(matches!(items.kind, Kind::Object { .. }));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (value, place) in [
            (json!("jam"), "Expected array, received string"),
            (json!(vec!["jam"; 101]), "at most 100"),
            (json!(["jam", "jump"]), "received 'jump' for \"1\""),
            (json!(["jam", 3]), "Expected string or object, received number for \"1\""),
            (json!([{"falt": "jam"}]), "Unrecognized key"),
            (json!([{"then": "sing"}]), "for \"0.then\""),
            (json!([{"battery_level": 2}]), "for \"0.battery_level\""),
            (json!([{"after_ms": 600_001, "then": "turn_lock"}]), "for \"0.after_ms\""),
            (json!(["obey", {"after_ms": 5}]), "for \"1.after_ms\""),
        ] {
            let message = read(value.clone()).unwrap_err();
            assert!(message.contains(place), "{value}: {message}");
        }
    }
}
