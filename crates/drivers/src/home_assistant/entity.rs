//! The state of one entity, as it is told by differences.

use serde_json::{Map, Value};
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::Said;

use super::wire::{Diff, Full};

/// What an entity is at present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entity {
    pub(super) state: String,
    pub(super) name: Option<String>,
    pub(super) device_class: Option<String>,
    pub(super) changed_by: Option<String>,
    /// The state is a guess.
    pub(super) is_assumed: bool,
    /// Somebody asked Home Assistant for the last change, not long before it.
    pub(super) is_by_user: bool,
}

/// What changed of an entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) state: bool,
    /// Who or what changed it is told anew.
    pub(super) cause: bool,
    pub(super) name: bool,
}

/// What a lock's state means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It stands there, or is stuck.
    Says(Said),
    /// It is on its way.
    Moving,
    /// It has not told.
    Unknown,
    /// It cannot be reached.
    Away,
}

impl Entity {
    pub(super) fn of(full: &Full) -> Self {
        let mut entity = Self { state: full.s.clone(), ..Self::default() };
        entity.set(&full.a);
        entity.caused(&full.c);
        entity
    }

    /// Takes in what changed.
    pub(super) fn change(&mut self, diff: &Diff) -> Changes {
        let before = self.clone();
        self.set(&diff.plus.a);
        for attribute in &diff.minus.a {
            self.put(attribute, &Value::Null);
        }
        self.caused(&diff.plus.c);
        if let Some(state) = &diff.plus.s {
            self.state.clone_from(state);
        }
        Changes {
            state: self.state != before.state,
            cause: self.changed_by != before.changed_by && self.changed_by.is_some(),
            name: self.name != before.name,
        }
    }

    fn set(&mut self, attributes: &Map<String, Value>) {
        attributes.iter().for_each(|(attribute, value)| self.put(attribute, value));
    }

    fn put(&mut self, attribute: &str, value: &Value) {
        let text = || value.as_str().map(str::to_owned);
        match attribute {
            "friendly_name" => self.name = text(),
            "device_class" => self.device_class = text(),
            "changed_by" => self.changed_by = text(),
            "assumed_state" => self.is_assumed = value.as_bool().unwrap_or_default(),
            _ => {}
        }
    }

    /// A context that is only an id leaves the user as it was.
    fn caused(&mut self, context: &Value) {
        if let Some(user) = context.get("user_id") {
            self.is_by_user = user.is_string();
        }
    }

    /// What it means, if it is a lock.
    pub(super) fn standing(&self) -> Standing {
        match self.state.as_str() {
            "locked" => Standing::Says(Said::At(Bolt::Locked)),
            // Unlatched is unlocked and more.
            "unlocked" | "open" => Standing::Says(Said::At(Bolt::Unlocked)),
            "jammed" => Standing::Says(Said::Jammed),
            "locking" | "unlocking" | "opening" => Standing::Moving,
            "unavailable" => Standing::Away,
            _ => Standing::Unknown,
        }
    }

    /// Its charge, if it is a battery, in percent.
    pub(super) fn battery(&self) -> Option<f64> {
        let is_battery = self.device_class.as_deref() == Some("battery");
        let level = self.state.parse::<f64>().ok().filter(|_| is_battery);
        level.filter(|level| (0.0..=100.0).contains(level))
    }

    /// Whether the door stands open, if it is a door's contact.
    pub(super) fn door(&self) -> Option<bool> {
        match (self.device_class.as_deref(), self.state.as_str()) {
            (Some("door"), "on") => Some(true),
            (Some("door"), "off") => Some(false),
            _ => None,
        }
    }

    /// Whether something of it may matter beside a lock.
    pub(super) fn is_beside_locks(&self) -> bool {
        matches!(self.device_class.as_deref(), Some("battery" | "door"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn lock() -> Entity {
        let told = json!({"s": "locked", "a": {"friendly_name": "Front", "supported_features": 0}, "c": "01M8"});
        Entity::of(&from_value(told).unwrap())
    }

    fn changed(entity: &mut Entity, told: Value) -> Changes {
        entity.change(&from_value(told).unwrap())
    }

    #[test]
    fn a_difference_changes_what_it_names_and_nothing_else() {
        let mut entity = lock();
        let context = json!({"user_id": "efd1", "id": "01M9"});
        let by_user = json!({"+": {"s": "unlocked", "lc": 5.0, "c": context, "a": {"changed_by": "Keypad"}}});
        let changes = changed(&mut entity, by_user);
        assert_eq!(changes, Changes { state: true, cause: true, name: false });
        assert!(entity.is_by_user);
        assert_eq!((entity.name.as_deref(), entity.changed_by.as_deref()), (Some("Front"), Some("Keypad")));
        // The context alone, and only its id: the user stays.
        assert_eq!(changed(&mut entity, json!({"+": {"c": "01MA"}})), Changes::default());
        assert!(entity.is_by_user);
        let changes = changed(
            &mut entity,
            json!({"+": {"lu": 1.0, "c": {"user_id": null, "id": "x"}}, "-": {"a": ["changed_by"]}}),
        );
        assert_eq!(changes, Changes::default());
        assert!(!entity.is_by_user && entity.changed_by.is_none());
    }

    #[test]
    fn states_are_positions_or_none() {
        let standing = |state: &str| Entity { state: state.to_owned(), ..Entity::default() }.standing();
        assert_eq!(standing("locked"), Standing::Says(Said::At(Bolt::Locked)));
        for state in ["unlocked", "open"] {
            assert_eq!(standing(state), Standing::Says(Said::At(Bolt::Unlocked)), "{state}");
        }
        assert_eq!(standing("jammed"), Standing::Says(Said::Jammed));
        for state in ["locking", "unlocking", "opening"] {
            assert_eq!(standing(state), Standing::Moving, "{state}");
        }
        assert_eq!(standing("unavailable"), Standing::Away);
        for state in ["unknown", "", "half open"] {
            assert_eq!(standing(state), Standing::Unknown, "{state}");
        }
    }

    #[test]
    fn batteries_and_doors_are_told_by_their_class() {
        let of = |class: &str, state: &str| Entity {
            state: state.to_owned(),
            device_class: Some(class.to_owned()),
            ..Entity::default()
        };
        assert_eq!(of("battery", "87.5").battery(), Some(87.5));
        for state in ["unknown", "unavailable", "on", "870", "-1", "NaN"] {
            assert_eq!(of("battery", state).battery(), None, "{state}");
        }
        assert_eq!(of("temperature", "21").battery(), None);
        assert_eq!((of("door", "on").door(), of("door", "off").door()), (Some(true), Some(false)));
        assert_eq!((of("door", "unknown").door(), of("window", "on").door()), (None, None));
    }
}
