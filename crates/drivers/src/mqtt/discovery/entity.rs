//! One announced lock: what its topics tell.

use thumbturn_core::devices::About;
use thumbturn_core::locks::{Bolt, Reachability, Traits};
use thumbturn_core::ports::{How, NotWritten, Said, Signal};
use thumbturn_core::time::Moment;

use std::time::Duration;

use super::config::{Availability, Mode, Spec};
use super::template::Renderer;
use crate::brand;
use crate::mqtt::outbox::Outbox;

/// How long a bridge behind such a lock may hold a command is not known; Bluetooth bridges take a few seconds.
const MARGIN: Duration = Duration::from_secs(5);

/// How long a motor may take, with the bridge behind it. These locks cannot be asked, so nothing is read then.
const SETTLE: Duration = Duration::from_secs(6);

/// When an accepted command to a lock that already is where it should be ends as an unconfirmed success: not before the
/// jam of a motor that takes 2 to 3 s would have been told, but within the 4 s for which an answer is held back, and well
/// within the 5 s for which clients wait.
const SETTLE_UNCHANGED: Duration = Duration::from_millis(3800);

/// A lock and what was heard of it.
#[derive(Debug)]
pub(super) struct Entity {
    /// The topic that announced it.
    pub(super) announced_by: String,
    pub(super) spec: Spec,
    /// Topics of it that the broker has not granted.
    unheard: Vec<String>,
    /// What each availability topic said last.
    available: Vec<Option<Word>>,
    /// Which availability topic spoke last.
    latest: Option<usize>,
    /// Whether the state topic has spoken since it is listened to.
    has_spoken: bool,
    pub(super) reach: Option<Reachability>,
}

/// What an availability topic said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    is_online: bool,
    /// Said while we listened, not kept by the broker.
    is_live: bool,
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
        Self {
            announced_by: announced_by.to_owned(),
            spec,
            unheard: Vec::new(),
            available,
            latest: None,
            has_spoken: false,
            reach: None,
        }
    }

    /// Takes over a changed announcement. What was heard stays valid where it still means the same; returns the topics
    /// of which that is not so: what the broker kept there is to be heard again.
    pub(super) fn update(&mut self, announced_by: &str, spec: Spec) -> Vec<String> {
        announced_by.clone_into(&mut self.announced_by);
        let before = std::mem::replace(&mut self.spec, spec);
        let known = |one: &Availability| before.availability.iter().position(|old| old == one);
        let (state, availability) = (&self.spec.state_topic, &self.spec.availability);
        let reads_alike = before.value_template == self.spec.value_template && before.words == self.spec.words;
        let state_changed = state.iter().filter(|_| !reads_alike);
        self.has_spoken &= reads_alike && before.state_topic == *state;
        let changed = availability.iter().filter(|one| known(one).is_none()).map(|one| &one.topic).chain(state_changed);
        let changed = changed.cloned().collect();
        let heard = |one: &Availability| known(one).and_then(|at| self.available.get(at).copied().flatten());
        self.available = availability.iter().map(heard).collect();
        let latest = self.latest.and_then(|at| before.availability.get(at));
        self.latest = latest.and_then(|latest| availability.iter().position(|one| one == latest));
        changed
    }

    /// The broker is asked for `topic`.
    pub(super) fn asked_for(&mut self, topic: &str) {
        self.unheard.push(topic.to_owned());
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

    /// What the broker kept is no newer than what was heard live. It comes again whenever another lock begins to share a
    /// topic, and must not take the place of a later word.
    pub(super) fn hear(&mut self, heard: &Heard<'_>, renderer: &Renderer, out: &mut Outbox) {
        for at in 0..self.spec.availability.len() {
            let is_outdated = heard.retained && self.available[at].is_some_and(|word| word.is_live);
            let availability = &self.spec.availability[at];
            if availability.topic == heard.topic
                && !is_outdated
                && let Some(is_online) = self.judge(availability, heard.payload, renderer)
            {
                self.available[at] = Some(Word { is_online, is_live: !heard.retained });
                self.latest = Some(at);
            }
        }
        let is_outdated = heard.retained && self.has_spoken;
        if self.spec.state_topic.as_deref() == Some(heard.topic) && !is_outdated {
            self.hear_state(heard, renderer, out);
        }
    }

    fn judge(&self, availability: &Availability, payload: &str, renderer: &Renderer) -> Option<bool> {
        let word = self.render(availability.template.as_deref(), payload, renderer)?;
        if word == availability.available { Some(true) } else { (word == availability.not_available).then_some(false) }
    }

    /// Words on the way (`LOCKING`, `UNLOCKING`, `OPENING`) tell no position and are passed over, like every other word
    /// that is not known.
    fn hear_state(&mut self, heard: &Heard<'_>, renderer: &Renderer, out: &mut Outbox) {
        let Some(word) = self.render(self.spec.value_template.as_deref(), heard.payload, renderer) else { return };
        if word.is_empty() {
            return;
        }
        self.has_spoken |= !heard.retained;
        let words = &self.spec.words;
        let said = match word.as_str() {
            word if word == words.reset => Said::Unsure,
            word if word == words.locked => Said::At(Bolt::Locked),
            word if word == words.unlocked || word == words.open => Said::At(Bolt::Unlocked),
            word if word == words.jammed => Said::Jammed,
            _ => return,
        };
        let how = if heard.retained { How::Remembered } else { How::Untagged };
        out.said(&self.spec.native, said, how, heard.at);
    }

    /// What a payload says. The template passed its check, so what fails here is the fault of this payload alone: it is
    /// passed over, and the next one may fit.
    fn render(&self, template: Option<&str>, payload: &str, renderer: &Renderer) -> Option<String> {
        let Some(template) = template else { return Some(payload.to_owned()) };
        let rendered = renderer.render(template, payload);
        if rendered.is_err() {
            // What does not fit may hold a code, and so may the error: neither is logged.
            tracing::debug!(lock = %self.spec.native, "a template does not fit a payload, which is passed over");
        }
        rendered.ok()
    }

    /// Whether it can be reached: as its availability topics say, and reachable where it has none. As in Home Assistant,
    /// a lock that has such topics is not available before they have spoken. A lock that could not be heard is not to be
    /// moved: nobody would learn what became of it.
    pub(super) fn reach(&self) -> Reachability {
        let is_online = |word: Option<Word>| word.is_some_and(|word| word.is_online);
        let mut words = self.available.iter().copied();
        let available = self.unheard.is_empty()
            && (self.available.is_empty()
                || match self.spec.mode {
                    Mode::All => words.all(is_online),
                    Mode::Any => words.any(is_online),
                    Mode::Latest => is_online(self.latest.and_then(|at| self.available[at])),
                });
        if available { Reachability::Reachable } else { Reachability::Unreachable }
    }

    /// Whether commands to it make sense at all.
    pub(super) fn is_usable(&self) -> bool {
        !self.spec.wants_code
    }

    /// Topic and payload of a command.
    pub(super) fn command(&self, wanted: Bolt, renderer: &Renderer) -> Result<(String, String), NotWritten> {
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
            can_configure_auto_lock: false,
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
