//! What a simulation consists of.

use std::time::Duration;

use crate::{Bolt, Error, Make, Style};

/// A hub with its locks.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// The locks, in the order of the device list.
    pub locks: Vec<LockSpec>,
    /// What the hub speaks.
    pub dialect: DialectConfig,
    /// Travel time between hub and lock, one way.
    pub hop: Duration,
}

/// What a hub speaks.
#[derive(Debug, Clone)]
pub enum DialectConfig {
    /// The topics of Zigbee2MQTT.
    Zigbee2mqtt(Zigbee2mqttConfig),
    /// Locks announced by Home Assistant MQTT discovery, each in its own [`Style`].
    HomeAssistant(DiscoveryConfig),
}

/// Settings of a simulated Zigbee2MQTT.
#[derive(Debug, Clone)]
pub struct Zigbee2mqttConfig {
    /// Base topic.
    pub base_topic: String,
    /// `advanced.last_seen`: state messages carry a time, and the hub repeats its cache when it hears the lock's
    /// acknowledgement, before the bolt has moved.
    pub last_seen: bool,
    /// Whether availability topics exist.
    pub availability: bool,
    /// Home Assistant support: discovery messages, `null` for what is not known, action topics.
    pub home_assistant: bool,
    /// One log line per published state, as the real hub does by default.
    pub log_publishes: bool,
    /// How many devices that are no locks to list besides the coordinator.
    pub other_devices: usize,
}

impl Default for Zigbee2mqttConfig {
    fn default() -> Self {
        Self {
            base_topic: "zigbee2mqtt".to_owned(),
            last_seen: true,
            availability: true,
            home_assistant: false,
            log_publishes: true,
            other_devices: 3,
        }
    }
}

/// Settings shared by locks announced by discovery.
#[derive(Debug, Clone)]
pub struct DiscoveryConfig {
    /// Discovery prefix.
    pub prefix: String,
    /// Whether the locks publish their state retained.
    pub retain_state: bool,
    /// Announce by `<prefix>/device/<id>/config` with components instead of `<prefix>/lock/<id>/config`.
    pub device_messages: bool,
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self { prefix: "homeassistant".to_owned(), retain_state: true, device_messages: false }
    }
}

/// One lock of a simulation.
#[derive(Debug, Clone)]
pub struct LockSpec {
    /// Friendly name: may contain `/`, blanks and any letters.
    pub name: String,
    /// What the lock is, for Zigbee2MQTT.
    pub make: Make,
    /// How the lock is announced, for Home Assistant discovery.
    pub style: Style,
    /// Where the bolt is at first.
    pub bolt: Bolt,
    /// Whether the hub knows that when it starts.
    pub known: bool,
    /// Charge of the battery in per cent.
    pub battery: u8,
    /// How long the motor takes.
    pub motor: Duration,
    /// Whether the lock obeys over the air only with a code it keeps.
    pub pin_required: bool,
    /// Zigbee2MQTT's `retain` option of the device: its state messages are retained.
    pub retain: bool,
}

impl LockSpec {
    /// A healthy locked lock.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            make: Make::YaleAssure,
            style: Style::EspHome,
            bolt: Bolt::Locked,
            known: true,
            battery: 92,
            motor: Duration::from_millis(250),
            pin_required: false,
            retain: false,
        }
    }

    /// The same lock of another make.
    #[must_use]
    pub fn make(self, make: Make) -> Self {
        Self { make, ..self }
    }

    /// The same lock announced in another way.
    #[must_use]
    pub fn style(self, style: Style) -> Self {
        Self { style, ..self }
    }

    /// The same lock with its bolt elsewhere.
    #[must_use]
    pub fn bolt(self, bolt: Bolt) -> Self {
        Self { bolt, ..self }
    }

    /// The same lock with a motor of another speed.
    #[must_use]
    pub fn motor(self, motor: Duration) -> Self {
        Self { motor, ..self }
    }
}

impl SimConfig {
    /// A Zigbee2MQTT with default settings and `count` Yale locks named `lock-001`, `lock-002` and so on.
    #[must_use]
    pub fn zigbee2mqtt(count: usize) -> Self {
        Self::with(numbered(count), DialectConfig::Zigbee2mqtt(Zigbee2mqttConfig::default()))
    }

    /// Locks announced by discovery with default settings, in the styles in turn.
    #[must_use]
    pub fn home_assistant(count: usize) -> Self {
        let mut locks = numbered(count);
        for (lock, style) in locks.iter_mut().zip(Style::ALL.into_iter().cycle()) {
            lock.style = style;
        }
        Self::with(locks, DialectConfig::HomeAssistant(DiscoveryConfig::default()))
    }

    /// Any locks in any dialect.
    #[must_use]
    pub fn with(locks: Vec<LockSpec>, dialect: DialectConfig) -> Self {
        Self { locks, dialect, hop: Duration::from_millis(10) }
    }

    /// The same with other settings of Zigbee2MQTT; changes nothing in the other dialect.
    #[must_use]
    pub fn tune(mut self, change: impl FnOnce(&mut Zigbee2mqttConfig)) -> Self {
        if let DialectConfig::Zigbee2mqtt(config) = &mut self.dialect {
            change(config);
        }
        self
    }

    /// The same with other settings of discovery; changes nothing in the other dialect.
    #[must_use]
    pub fn tune_discovery(mut self, change: impl FnOnce(&mut DiscoveryConfig)) -> Self {
        if let DialectConfig::HomeAssistant(config) = &mut self.dialect {
            change(config);
        }
        self
    }

    /// The same with these locks instead.
    #[must_use]
    pub fn locks(self, locks: impl IntoIterator<Item = LockSpec>) -> Self {
        Self { locks: locks.into_iter().collect(), ..self }
    }

    /// The same with every lock changed.
    #[must_use]
    pub fn each(mut self, mut change: impl FnMut(&mut LockSpec)) -> Self {
        self.locks.iter_mut().for_each(&mut change);
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut names: Vec<&str> = self.locks.iter().map(|lock| lock.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::Config(format!("two locks are called {:?}", twice[0])));
        }
        match names.iter().find(|name| name.is_empty() || name.contains(['+', '#'])) {
            Some(bad) => Err(Error::Config(format!("{bad:?} cannot be part of a topic"))),
            None => Ok(()),
        }
    }
}

fn numbered(count: usize) -> Vec<LockSpec> {
    (1..=count).map(|n| LockSpec::new(format!("lock-{n:03}"))).collect()
}
