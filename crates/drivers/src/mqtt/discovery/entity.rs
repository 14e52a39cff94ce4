//! One announced lock: what its topics tell.

use thumbturn_core::devices::About;
use thumbturn_core::locks::{Bolt, Reachability, Traits};
use thumbturn_core::ports::{How, NotWritten, Said, Signal};
use thumbturn_core::time::Moment;

use std::time::Duration;

use super::config::{Availability, Mode, Spec};
use super::template::{Renderer, TemplateError};
use crate::mqtt::brand;
use crate::mqtt::outbox::Outbox;

/// How long a bridge behind such a lock may hold a command is not known; Bluetooth bridges take a few seconds.
const MARGIN: Duration = Duration::from_secs(5);

/// How long a motor may take. These locks cannot be asked, so this only says when an accepted command to a lock that
/// already was there may end as an unconfirmed success: not before a jam would have been told.
const SETTLE: Duration = Duration::from_secs(6);
const SETTLE_UNCHANGED: Duration = Duration::from_secs(2);

/// A lock and what was heard of it.
#[derive(Debug)]
pub(super) struct Entity {
    /// The topic that announced it.
    pub(super) announced_by: String,
    pub(super) spec: Spec,
    /// Why its templates cannot be used.
    unsupported: Option<String>,
    /// Topics of it that the broker has not granted.
    unheard: Vec<String>,
    available: Vec<Option<bool>>,
    latest: Option<bool>,
    pub(super) reach: Option<Reachability>,
}

/// A message on one of its topics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard<'a> {
    pub(super) topic: &'a str,
    pub(super) payload: &'a str,
    pub(super) retained: bool,
    pub(super) at: Moment,
}

impl Entity {
    pub(super) fn new(announced_by: &str, spec: Spec) -> Self {
        let available = vec![None; spec.availability.len()];
        let mut entity = Self {
            announced_by: announced_by.to_owned(),
            spec,
            unsupported: None,
            unheard: Vec::new(),
            available,
            latest: None,
            reach: None,
        };
        entity.unheard = entity.topics();
        entity
    }

    /// Takes over a changed announcement. What was heard stays valid as long as the availability topics do.
    pub(super) fn update(&mut self, spec: Spec) {
        if spec.availability != self.spec.availability {
            self.available = vec![None; spec.availability.len()];
            self.latest = None;
        }
        self.spec = spec;
        self.unsupported = None;
        self.unheard = self.topics();
    }

    /// The broker will send what is published on `topic`.
    pub(super) fn granted(&mut self, topic: &str) {
        self.unheard.retain(|unheard| unheard != topic);
    }

    /// Every topic it listens to.
    pub(super) fn topics(&self) -> Vec<String> {
        let availability = self.spec.availability.iter().map(|one| one.topic.clone());
        let mut topics: Vec<String> = self.spec.state_topic.iter().cloned().chain(availability).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    pub(super) fn hear(&mut self, heard: &Heard<'_>, renderer: &Renderer, out: &mut Outbox) {
        for at in 0..self.spec.availability.len() {
            let availability = &self.spec.availability[at];
            if availability.topic == heard.topic
                && let Some(available) = self.judge(availability.clone(), heard.payload, renderer)
            {
                self.available[at] = Some(available);
                self.latest = Some(available);
            }
        }
        if self.spec.state_topic.as_deref() == Some(heard.topic) {
            self.hear_state(heard, renderer, out);
        }
    }

    fn judge(&mut self, availability: Availability, payload: &str, renderer: &Renderer) -> Option<bool> {
        let word = self.render(availability.template.as_deref(), payload, renderer)?;
        if word == availability.available { Some(true) } else { (word == availability.not_available).then_some(false) }
    }

    /// Words on the way (`LOCKING`, `UNLOCKING`, `OPENING`) tell no position and are passed over, like every other word
    /// that is not known.
    fn hear_state(&mut self, heard: &Heard<'_>, renderer: &Renderer, out: &mut Outbox) {
        let template = self.spec.value_template.clone();
        let Some(word) = self.render(template.as_deref(), heard.payload, renderer) else { return };
        let words = &self.spec.words;
        let said = match word.as_str() {
            "" => return,
            word if word == words.reset => Said::Unsure,
            word if word == words.locked => Said::At(Bolt::Locked),
            word if word == words.unlocked || word == words.open => Said::At(Bolt::Unlocked),
            word if word == words.jammed => Said::Jammed,
            _ => return,
        };
        let how = if heard.retained { How::Remembered } else { How::Untagged };
        out.said(&self.spec.native, said, how, heard.at);
    }

    fn render(&mut self, template: Option<&str>, payload: &str, renderer: &Renderer) -> Option<String> {
        let Some(template) = template else { return Some(payload.to_owned()) };
        match renderer.render(template, payload) {
            Ok(word) => Some(word),
            Err(TemplateError::Payload(_)) => {
                // What does not fit may hold a code, so it is not logged.
                tracing::debug!(lock = %self.spec.native, "a template does not fit a payload");
                None
            }
            Err(TemplateError::Unsupported(why)) => {
                if self.unsupported.replace(why.clone()).is_none() {
                    tracing::warn!(lock = %self.spec.native, why, "a template cannot be used: the lock is unsupported");
                }
                None
            }
        }
    }

    /// Whether it can be reached: as its availability topics say, and reachable where it has none. As in Home Assistant,
    /// a lock that has such topics is not available before they have spoken. A lock that could not be heard is not to be
    /// moved: nobody would learn what became of it.
    pub(super) fn reach(&self) -> Reachability {
        let mut known = self.available.iter();
        let available = self.unsupported.is_none()
            && self.unheard.is_empty()
            && (self.available.is_empty()
                || match self.spec.mode {
                    Mode::All => known.all(|one| *one == Some(true)),
                    Mode::Any => known.any(|one| *one == Some(true)),
                    Mode::Latest => self.latest == Some(true),
                });
        if available { Reachability::Reachable } else { Reachability::Unreachable }
    }

    /// Whether commands to it make sense at all.
    pub(super) fn is_usable(&self) -> bool {
        self.unsupported.is_none() && !self.spec.wants_code
    }

    /// Topic and payload of a command.
    pub(super) fn command(&self, wanted: Bolt, renderer: &Renderer) -> Result<(String, String), NotWritten> {
        if let Some(why) = &self.unsupported {
            return Err(NotWritten::Rejected(format!("A template of this lock cannot be used: {why}.")));
        }
        if self.spec.wants_code {
            let why = "This lock wants a code with every command, which is not supported.";
            return Err(NotWritten::Rejected(why.to_owned()));
        }
        let word = match wanted {
            Bolt::Locked => &self.spec.payload_lock,
            Bolt::Unlocked => &self.spec.payload_unlock,
        };
        let payload = match &self.spec.command_template {
            None => Ok(word.clone()),
            Some(template) => renderer.render(template, word),
        };
        let payload = payload
            .map_err(|why| NotWritten::Rejected(format!("The command template of this lock cannot be used: {why}.")))?;
        Ok((self.spec.command_topic.clone(), payload))
    }

    /// What the engine is told of it.
    pub(super) fn describe(&self, out: &mut Outbox) {
        let spec = &self.spec;
        let brand = brand::of(spec.maker.as_deref());
        let about = About {
            native: spec.native.clone(),
            name: spec.name.clone(),
            device_type: brand.device_type.to_owned(),
            manufacturer: brand.manufacturer,
            manufacturer_name: brand.display_name,
            model: spec.model.clone().unwrap_or_else(|| "MQTT lock".to_owned()),
            serial_number: spec.serial_number.clone(),
            can_lock: true,
            can_unlock: true,
            has_keypad: false,
            has_direct_power: false,
        };
        out.tell(Signal::Discovered { about: Box::new(about), traits: self.traits() });
    }

    fn traits(&self) -> Traits {
        Traits {
            reports: self.spec.state_topic.is_some(),
            readable: false,
            tags: false,
            margin: MARGIN,
            settle: SETTLE,
            settle_unchanged: SETTLE_UNCHANGED,
        }
    }
}
