//! How a lock is told when to lock itself, and how it tells.
//!
//! With Door Lock version 4 that is a value of the class. Most locks keep it among their configuration parameters. Those have
//! numbers and no meaning; what they mean, the hub's database of devices says by labels that people wrote. So only labels are
//! taken that are known to mean this, with the values that belong to them: a switch and a time in seconds, or a time alone
//! where 0 is *off*. A lock of which two parameters look like the same one has none. What such a lock tells, and makes of a
//! command, is in `settings`.

mod settings;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use thumbturn_core::commands::AutoLock;

use super::call::{AUTO_RELOCK, DOOR_LOCK};
use super::wire::{Metadata, ValueEntry};

pub(crate) use self::settings::{Checked, Settings};

/// The number of the command class Configuration.
pub(crate) const CONFIGURATION: u32 = 112;

/// What a switch is called, without what `plain` takes away.
const SWITCHES: [&str; 4] = ["auto lock", "auto relock", "auto relock on/off", "auto relock door"];

/// What the time beside a switch is called.
const TIMES: [&str; 3] = ["auto relock time", "auto relock timing", "relock time"];

/// What a time is called that has no switch.
const TIMES_ALONE: [&str; 3] = ["auto lock", "auto lock time", "auto relock time"];

/// How a lock is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By a value of Door Lock.
    DoorLock,
    /// By parameters.
    Parameters(Parameters),
}

/// The parameters of a lock that are about this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// What switches it off and on; where there is none, a time of 0 is off.
    switch: Option<Switch>,
    time: Time,
}

/// A configuration parameter, or some of its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Parameter {
    pub(crate) number: u32,
    pub(crate) bits: Option<u32>,
}

/// A parameter and what it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) parameter: Parameter,
    pub(crate) value: u32,
}

impl Setting {
    /// As `setBulk` of the command class takes it.
    pub(crate) fn for_bulk(&self) -> Value {
        let mut value = json!({"parameter": self.parameter.number, "value": self.value});
        if let Some(bits) = self.parameter.bits {
            value["bitMask"] = json!(bits);
        }
        value
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Switch {
    parameter: Parameter,
    on: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Time {
    parameter: Parameter,
    takes: Takes,
}

/// The seconds that a lock takes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Takes {
    From(u32, u32),
    Only(Vec<u32>),
}

impl Way {
    /// That of a lock with these values; `None` where it has none that is known.
    pub(super) fn of(values: &[ValueEntry]) -> Option<Self> {
        let is_door_lock =
            |entry: &ValueEntry| entry.command_class == DOOR_LOCK && entry.property.as_str() == Some(AUTO_RELOCK);
        if whole(values).any(is_door_lock) {
            return Some(Self::DoorLock);
        }
        Parameters::among(values).map(Self::Parameters)
    }
}

/// The values of a node as a whole.
pub(crate) fn whole(values: &[ValueEntry]) -> impl Iterator<Item = &ValueEntry> {
    values.iter().filter(|entry| entry.endpoint == 0)
}

impl Parameters {
    /// Those among the values of a lock; `None` where there are none that are clearly meant.
    pub(crate) fn among(values: &[ValueEntry]) -> Option<Self> {
        let found: Vec<_> = whole(values).filter_map(Found::of).collect();
        Self::of(&found)
    }

    fn of(found: &[Found<'_>]) -> Option<Self> {
        let switch = only(found.iter().filter_map(Found::switch))?;
        if switch.is_some() {
            let time = only(found.iter().filter_map(|found| found.time(&TIMES)))??;
            return Some(Self { switch, time });
        }
        let alone = found.iter().filter(|found| found.has_off()).filter_map(|found| found.time(&TIMES_ALONE));
        Some(Self { switch, time: only(alone)?? })
    }

    /// What is to be written, in order.
    ///
    /// # Errors
    /// What the lock takes instead, in a sentence.
    pub(crate) fn settings(&self, to: AutoLock) -> Result<[Option<Setting>; 2], String> {
        let time = |value| Setting { parameter: self.time.parameter, value };
        match (to, self.switch) {
            (AutoLock::Off, None) => Ok([Some(time(0)), None]),
            (AutoLock::Off, Some(switch)) => Ok([Some(Setting { parameter: switch.parameter, value: 0 }), None]),
            (AutoLock::After(seconds), switch) => {
                self.time.takes.check(seconds)?;
                let on = switch.map(|switch| Setting { parameter: switch.parameter, value: switch.on });
                Ok([Some(time(seconds)), on])
            }
        }
    }

    /// When the lock locks itself, from what it told of its parameters; `None` if that does not say.
    pub(crate) fn told(&self, told: &BTreeMap<Parameter, u32>) -> Option<AutoLock> {
        let time = told.get(&self.time.parameter).copied();
        let Some(switch) = self.switch else {
            return time.map(|time| if time == 0 { AutoLock::Off } else { AutoLock::After(time) });
        };
        match told.get(&switch.parameter).copied()? {
            0 => Some(AutoLock::Off),
            on if on == switch.on => time.filter(|time| *time > 0).map(AutoLock::After),
            _ => None,
        }
    }

    /// All of these.
    pub(crate) fn all(&self) -> impl Iterator<Item = Parameter> {
        self.switch.map(|switch| switch.parameter).into_iter().chain([self.time.parameter])
    }

    /// Whether a parameter is one of these.
    pub(crate) fn has(&self, parameter: Parameter) -> bool {
        self.all().any(|ours| ours == parameter)
    }
}

impl Takes {
    fn check(&self, seconds: u32) -> Result<(), String> {
        match self {
            Self::From(least, most) if (*least..=*most).contains(&seconds) => Ok(()),
            Self::From(least, most) => Err(format!("The lock takes {least} to {most} seconds.")),
            Self::Only(all) if all.contains(&seconds) => Ok(()),
            Self::Only(all) => {
                let all: Vec<_> = all.iter().map(u32::to_string).collect();
                Err(format!("Of seconds the lock takes only {}.", all.join(", ")))
            }
        }
    }
}

/// A parameter that can be written, and what is said of it.
struct Found<'a> {
    parameter: Parameter,
    label: String,
    metadata: &'a Metadata,
}

impl<'a> Found<'a> {
    fn of(entry: &'a ValueEntry) -> Option<Self> {
        let metadata = entry.metadata.as_ref().filter(|metadata| metadata.writeable.as_bool() == Some(true))?;
        let parameter = parameter(entry.command_class, &entry.property, entry.property_key.as_ref())?;
        Some(Self { parameter, label: plain(metadata.label.as_str()?), metadata })
    }

    fn states(&self) -> Vec<(u32, String)> {
        let states = self.metadata.states.as_object().into_iter().flatten();
        let states = states.filter_map(|(value, label)| Some((value.parse().ok()?, label.as_str()?.to_lowercase())));
        let mut states: Vec<_> = states.collect();
        states.sort();
        states
    }

    fn switch(&self) -> Option<Switch> {
        let states = self.states();
        let [(0, off), (on, on_label)] = &states[..] else { return None };
        let fits = is_off(off) && is_on(on_label) && self.metadata.states.as_object().is_some_and(|all| all.len() == 2);
        let is_one = fits && self.metadata.unit.is_null() && SWITCHES.contains(&self.label.as_str());
        is_one.then_some(Switch { parameter: self.parameter, on: *on })
    }

    fn has_off(&self) -> bool {
        let least = self.metadata.min.as_u64();
        least == Some(0) && self.states().iter().any(|(value, label)| *value == 0 && is_off(label))
    }

    fn time(&self, labels: &[&str]) -> Option<Time> {
        if !labels.contains(&self.label.as_str()) {
            return None;
        }
        let takes = if self.metadata.allow_manual_entry.as_bool() == Some(false) {
            let states = self.states();
            let are_seconds = !states.is_empty() && states.iter().all(is_seconds);
            are_seconds.then(|| Takes::Only(states.iter().map(|(value, _)| *value).collect()))
        } else {
            self.range()
        };
        takes.map(|takes| Time { parameter: self.parameter, takes })
    }

    fn range(&self) -> Option<Takes> {
        let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        let (least, most) = (number(&self.metadata.min)?, number(&self.metadata.max)?);
        let is_range = self.metadata.unit.as_str() == Some("seconds") && most > 0;
        is_range.then_some(Takes::From(least.max(1), most))
    }
}

fn is_seconds((value, label): &(u32, String)) -> bool {
    *value > 0 && *label == format!("{value} seconds")
}

fn is_off(label: &str) -> bool {
    label == "off" || label == "disabled" || label == "disable" || label.starts_with("disable ")
}

fn is_on(label: &str) -> bool {
    label == "on" || label == "enabled" || label == "enable" || label.starts_with("enable ")
}

/// A label as it is compared.
fn plain(label: &str) -> String {
    let words = label.to_lowercase().replace('-', "");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The one that there is, if any; `None` if there are several.
fn only<T>(mut found: impl Iterator<Item = T>) -> Option<Option<T>> {
    let first = found.next();
    found.next().is_none().then_some(first)
}

/// The parameter that a value is.
pub(crate) fn parameter(class: u32, property: &Value, key: Option<&Value>) -> Option<Parameter> {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    if class != CONFIGURATION {
        return None;
    }
    let bits = match key {
        None | Some(Value::Null) => None,
        Some(key) => Some(number(key)?),
    };
    Some(Parameter { number: number(property)?, bits })
}

/// A value of a parameter.
fn value(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|value| u32::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::from_value;

    use super::*;

    fn entry(number: u32, bits: Option<u32>, metadata: Value) -> ValueEntry {
        let mut entry = json!({"commandClass": 112, "endpoint": 0, "property": number, "metadata": metadata});
        entry["metadata"]["writeable"] = json!(true);
        if let Some(bits) = bits {
            entry["propertyKey"] = json!(bits);
        }
        from_value(entry).unwrap()
    }

    fn switch(number: u32, label: &str, off: &str, on: (u32, &str)) -> ValueEntry {
        let (value, on) = (on.0.to_string(), on.1);
        let states = json!({"0": off, value: on});
        entry(number, None, json!({"label": label, "min": 0, "max": 255, "states": states, "allowManualEntry": false}))
    }

    fn time(number: u32, label: &str, least: u32, most: u32) -> ValueEntry {
        let metadata = json!({"label": label, "min": least, "max": most, "unit": "seconds", "allowManualEntry": true});
        entry(number, None, metadata)
    }

    /// As Z-Wave JS tells them of a Yale YRD226, a Danalock V3 and a Kwikset SmartCode 888.
    fn yale() -> Vec<ValueEntry> {
        let other = switch(11, "One Touch Locking", "Disable", (255, "Enable"));
        let lockout = time(7, "Wrong Code Lockout Time", 10, 132);
        vec![other, switch(2, "Auto Relock", "Disable", (255, "Enable")), time(3, "Auto Relock Time", 0, 180), lockout]
    }

    fn danalock() -> ValueEntry {
        let metadata = json!({"label": "Auto Lock", "min": 0, "max": 2_147_483_647, "states": {"0": "Disable"},
                              "unit": "seconds", "allowManualEntry": true});
        entry(6, None, metadata)
    }

    fn kwikset() -> Vec<ValueEntry> {
        let states = json!({"30": "30 seconds", "60": "60 seconds", "120": "120 seconds"});
        let timing =
            json!({"label": "Auto Relock Timing", "min": 30, "max": 120, "states": states, "allowManualEntry": false});
        let mut door = switch(36, "Auto Relock Door", "Disable", (1, "Enable"));
        door.property_key = Some(json!(1));
        vec![door, entry(36, Some(0xff00), timing)]
    }

    fn both(mut values: Vec<ValueEntry>, more: ValueEntry) -> Vec<ValueEntry> {
        values.push(more);
        values
    }

    fn parameters(values: &[ValueEntry]) -> Parameters {
        match Way::of(values) {
            Some(Way::Parameters(parameters)) => parameters,
            other => panic!("{other:?}"),
        }
    }

    fn written(values: &[ValueEntry], to: AutoLock) -> Result<Vec<(u32, Option<u32>, u32)>, String> {
        let settings = parameters(values).settings(to)?;
        let settings = settings.iter().flatten();
        Ok(settings.map(|setting| (setting.parameter.number, setting.parameter.bits, setting.value)).collect())
    }

    #[test]
    fn parameters_are_known_by_label_and_values() {
        assert_eq!(written(&yale(), AutoLock::After(45)), Ok(vec![(3, None, 45), (2, None, 255)]), "the time first");
        assert_eq!(written(&yale(), AutoLock::Off), Ok(vec![(2, None, 0)]), "the time stays");
        assert!(written(&yale(), AutoLock::After(181)).unwrap_err().contains("1 to 180"));
        assert_eq!(written(&[danalock()], AutoLock::After(45)), Ok(vec![(6, None, 45)]));
        assert_eq!(written(&[danalock()], AutoLock::Off), Ok(vec![(6, None, 0)]));
        assert!(written(&[danalock()], AutoLock::After(0)).is_err(), "that would be off");
        let both = vec![(36, Some(0xff00), 60), (36, Some(1), 1)];
        assert_eq!(written(&kwikset(), AutoLock::After(60)), Ok(both));
        assert!(written(&kwikset(), AutoLock::After(45)).unwrap_err().contains("30, 60, 120"));
        let gateman = [switch(2, "Auto Re-Lock", "Off", (255, "On")), time(3, "Re-Lock  Time", 5, 255)];
        assert_eq!(written(&gateman, AutoLock::After(5)), Ok(vec![(3, None, 5), (2, None, 255)]));
    }

    #[test]
    fn what_is_not_clearly_meant_is_no_way() {
        let no_unit = entry(3, None, json!({"label": "Relock Time", "min": 10, "max": 180, "allowManualEntry": true}));
        let mut read_only = yale();
        if let Some(metadata) = &mut read_only[1].metadata {
            metadata.writeable = json!(false);
        }
        let mut elsewhere = danalock();
        elsewhere.endpoint = 1;
        let alone = json!({"label": "Auto Relock Time", "min": 7, "max": 60, "unit": "seconds"});
        for (why, values) in [
            ("no parameters", vec![]),
            ("nobody knows after how long", vec![switch(15, "Auto Lock", "Disable", (255, "Enable"))]),
            ("a time that cannot be switched off", vec![entry(3, None, alone)]),
            ("a time without a unit", vec![switch(2, "Auto Relock On/Off", "Off", (255, "On")), no_unit]),
            ("two switches", both(yale(), switch(9, "Auto Lock", "Off", (1, "On")))),
            ("two times", both(yale(), time(9, "Relock Time", 1, 9))),
            ("a mode", vec![switch(2, "Auto Relock", "Away", (1, "Home")), time(3, "Auto Relock Time", 1, 9)]),
            (
                "another label",
                vec![switch(5, "Door ReLock Mode", "Disabled", (1, "Enabled")), time(3, "Relock Time", 1, 9)],
            ),
            ("it can only be read", read_only),
            ("another end of the node", vec![elsewhere]),
        ] {
            assert_eq!(Way::of(&values), None, "{why}");
        }
    }

    #[test]
    fn door_lock_has_the_first_word() {
        let door_lock = from_value(json!({"commandClass": 98, "endpoint": 0, "property": "autoRelockTime"})).unwrap();
        assert_eq!(Way::of(&[danalock(), door_lock]), Some(Way::DoorLock));
    }

    #[test]
    fn a_lock_tells_when_it_locks_itself_by_both_or_not_at_all() {
        let of = |number| Parameter { number, bits: None };
        let yale = parameters(&yale());
        let told =
            |values: &[(u32, u32)]| yale.told(&values.iter().map(|(number, value)| (of(*number), *value)).collect());
        assert_eq!(told(&[(2, 255), (3, 30)]), Some(AutoLock::After(30)));
        assert_eq!(told(&[(2, 0), (3, 30)]), Some(AutoLock::Off));
        assert_eq!(told(&[(2, 0)]), Some(AutoLock::Off));
        for unknown in [&[(2, 255)][..], &[(3, 30)], &[(2, 1), (3, 30)], &[(2, 255), (3, 0)], &[]] {
            assert_eq!(told(unknown), None, "{unknown:?}");
        }
        let danalock = parameters(&[danalock()]);
        assert_eq!(danalock.told(&BTreeMap::from([(of(6), 0)])), Some(AutoLock::Off));
        assert_eq!(danalock.told(&BTreeMap::from([(of(6), 90)])), Some(AutoLock::After(90)));
        assert_eq!(danalock.told(&BTreeMap::new()), None);
    }
}
