//! Locks of other bridges: announced by Home Assistant MQTT discovery, each in the words of its maker.

mod styles;

use std::sync::Arc;

use serde_json::Value;

pub use styles::Style;
use styles::{Node, Said};

use crate::hub::{After, Control, Dialect};
use crate::link::{Incoming, Link, LinkSpec, Outgoing};
use crate::signal::{Operation, Signal, Source};
use crate::{Bolt, DiscoveryConfig, Lock, LockSpec, Request};

/// All announced locks of a simulation.
pub(crate) struct Announcer {
    config: DiscoveryConfig,
    members: Vec<Member>,
    gateways: Vec<Gateway>,
}

struct Member {
    lock: Arc<Lock>,
    node: Node,
    gateway: usize,
    /// What was last said of the bolt.
    said: Option<Bolt>,
    online: bool,
    announced: bool,
}

/// One connection: one per lock, except where a bridge serves many.
struct Gateway {
    spec: LinkSpec,
    link: Link,
    shared: bool,
}

impl Announcer {
    pub(crate) fn new(config: DiscoveryConfig, members: Vec<(Arc<Lock>, LockSpec)>) -> Self {
        let mut this = Self { config, members: Vec::new(), gateways: Vec::new() };
        for (lock, spec) in members {
            this.add(lock, &spec);
        }
        this
    }

    /// Takes a lock in; says whether its connection existed before.
    fn add(&mut self, lock: Arc<Lock>, spec: &LockSpec) -> bool {
        let node = Node { style: spec.style, key: spec.style.key(lock.index), name: spec.name.clone() };
        let existing = self.gateways.iter().position(|gateway| gateway.shared && node.shared());
        let gateway = existing.unwrap_or(self.gateways.len());
        if existing.is_none() {
            let name = format!("simulated-{}", node.key);
            let spec = LinkSpec { name, will: node.will(), filters: vec![node.filter()] };
            self.gateways.push(Gateway { spec, link: Link::default(), shared: node.shared() });
        }
        let said = spec.known.then_some(spec.bolt);
        self.members.push(Member { lock, node, gateway, said, online: true, announced: true });
        existing.is_some()
    }

    fn say(&self, at: usize, said: Option<Said>, retain: bool) {
        if let Some((topic, payload)) = said {
            let mut out = Outgoing::new(topic, payload);
            out.retain = retain;
            self.gateways[self.members[at].gateway].link.publish(out);
        }
    }

    fn say_state(&self, at: usize) {
        let member = &self.members[at];
        self.say(at, member.said.and_then(|bolt| member.node.state(bolt)), self.config.retain_state);
    }

    fn say_availability(&self, at: usize) {
        let member = &self.members[at];
        self.say(at, Some(member.node.availability(member.online)), true);
    }

    fn announce(&self, at: usize) {
        let node = &self.members[at].node;
        let message = if self.config.device_messages { node.device_config() } else { Value::Object(node.config()) };
        let topic = node.config_topic(&self.config.prefix, self.config.device_messages);
        self.say(at, Some((topic, message.to_string())), true);
    }

    fn retract(&self, at: usize) {
        let topic = self.members[at].node.config_topic(&self.config.prefix, self.config.device_messages);
        self.say(at, Some((topic, String::new())), true);
    }

    fn greet(&self, at: usize) {
        if self.members[at].announced {
            self.announce(at);
        }
        self.say_availability(at);
        self.say_state(at);
    }

    fn place(&self, lock: usize) -> Option<usize> {
        self.members.iter().position(|member| member.lock.index == lock)
    }

    /// Words that only a Nuki lock has.
    fn nuki(&self, at: usize, rest: &str, payload: String) {
        let node = &self.members[at].node;
        if node.style == Style::Nuki {
            self.say(at, Some((node.at(rest), payload)), false);
        }
    }

    fn set_bolt(&mut self, at: usize, bolt: Bolt) {
        self.members[at].said = Some(bolt);
        self.say_state(at);
        if bolt == Bolt::Stuck {
            self.nuki(at, "commandResponse", "66".to_owned());
        }
    }

    fn set_online(&mut self, at: usize, online: bool) {
        self.members[at].online = online;
        self.say_availability(at);
    }
}

impl Dialect for Announcer {
    fn links(&self) -> Vec<(LinkSpec, Link)> {
        self.gateways.iter().map(|gateway| (gateway.spec.clone(), gateway.link.clone())).collect()
    }

    fn up(&mut self, link: usize, _first: bool) {
        let members: Vec<usize> = (0..self.members.len()).filter(|at| self.members[*at].gateway == link).collect();
        if let Some(first) = members.first() {
            self.say(*first, self.members[*first].node.greeting(), true);
        }
        for at in members {
            self.greet(at);
        }
    }

    fn message(&mut self, link: usize, message: &Incoming) -> After {
        let addressed = |member: &&Member| member.gateway == link && member.node.command_topic() == message.topic;
        if let Some(member) = self.members.iter().find(addressed)
            && let Some(order) = member.node.order(&message.text())
        {
            member.lock.send(Request::Operate { order, code: None });
        }
        After::Continue
    }

    fn signal(&mut self, lock: usize, signal: Signal) {
        let Some(at) = self.place(lock) else { return };
        match signal {
            Signal::Answer { request: Request::Operate { .. }, accepted } => {
                // 69 is "busy": a refusal as this make has it.
                let code = if accepted { "0" } else { "69" };
                self.nuki(at, "commandResponse", code.to_owned());
            }
            Signal::NoAnswer { .. } if self.members[at].node.style == Style::ZwaveJsUi => self.set_online(at, false),
            Signal::Starting { target } => {
                self.say(at, self.members[at].node.moving(target), self.config.retain_state);
            }
            Signal::State { bolt } | Signal::StateRead { bolt } => {
                if !self.members[at].online {
                    self.set_online(at, true);
                }
                self.set_bolt(at, bolt);
            }
            Signal::Operation { operation, source, user, .. } => {
                if let Some(event) = nuki_event(operation, source, user) {
                    self.nuki(at, "lockActionEvent", event);
                }
            }
            Signal::Battery { level } => self.nuki(at, "batteryCritical", (level <= 10).to_string()),
            Signal::Answer { .. }
            | Signal::NoAnswer { .. }
            | Signal::Code { .. }
            | Signal::CodeRead { .. }
            | Signal::AutoLock { .. } => {}
        }
    }

    fn control(&mut self, control: Control) {
        match control {
            Control::Join { lock, spec } => {
                if self.add(lock, &spec) {
                    self.greet(self.members.len() - 1);
                }
            }
            Control::Availability { lock, online } => {
                if let Some(at) = self.place(lock) {
                    self.set_online(at, online);
                }
            }
            Control::Leave { lock } => {
                if let Some(at) = self.place(lock) {
                    self.members[at].announced = false;
                    self.retract(at);
                }
            }
            Control::Announce { lock } => {
                if let Some(at) = self.place(lock) {
                    self.members[at].announced = true;
                    self.greet(at);
                }
            }
            Control::LoseRetained => {
                for at in 0..self.members.len() {
                    self.retract(at);
                    let node = &self.members[at].node;
                    let state = node.state(Bolt::Locked).map(|(topic, _)| (topic, String::new()));
                    self.say(at, state, true);
                }
            }
        }
    }

    fn find(&self, name: &str) -> Option<Arc<Lock>> {
        let named = |member: &&Member| member.node.name == name || member.lock.id() == name;
        self.members.iter().find(named).map(|member| Arc::clone(&member.lock))
    }
}

/// `action,trigger,auth-id,code-id,extra`; wrong codes are not told.
fn nuki_event(operation: Operation, source: Source, user: Option<u16>) -> Option<String> {
    let action = match operation {
        Operation::Unlock | Operation::ManualUnlock => 1,
        Operation::Lock | Operation::ManualLock | Operation::AutoLock => 2,
        Operation::UnlockFailureInvalidCode => return None,
    };
    let trigger = match (operation, source) {
        (Operation::AutoLock, _) => 6,
        (_, Source::Radio) => 172,
        (_, Source::Manual) => 1,
        (_, Source::Keypad) => 0,
    };
    Some(format!("{action},{trigger},0,{},0", user.unwrap_or(0)))
}
