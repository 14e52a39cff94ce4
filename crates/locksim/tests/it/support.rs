//! A broker, a hub and a listener, and what the tests ask of them.

use std::time::{Duration, Instant};

use serde_json::Value;
use thumbturn_locksim::{Mosquitto, Seen, Sim, SimConfig, Watch};

/// Generous: only a failing test waits this long.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Scene {
    pub(crate) sim: Sim,
    pub(crate) watch: Watch,
    pub(crate) broker: Mosquitto,
}

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

impl Scene {
    /// A hub on a broker of its own; what it said at its start has been heard and forgotten.
    pub(crate) async fn new(config: SimConfig) -> Self {
        let broker = Mosquitto::start().await.unwrap();
        let watch = Watch::start(broker.broker(), &["#"]).await.unwrap();
        let sim = Sim::start(broker.broker(), config).await.unwrap();
        let scene = Self { sim, watch, broker };
        scene.settle().await;
        scene.watch.clear();
        scene
    }

    pub(crate) async fn zigbee() -> Self {
        Self::new(quick(1)).await
    }

    /// Waits until everything the hub has said so far has come through: it says one more thing, and that is awaited.
    pub(crate) async fn settle(&self) {
        let topic = "locksim/settled";
        let before = self.watch.on(topic).len();
        self.watch.publish("zigbee2mqtt/bridge/request/health_check", r#"{"transaction":"settle"}"#);
        self.watch.publish(topic, "");
        let health = |seen: &Seen| seen.topic.ends_with("response/health_check");
        if self.sim.locks().first().is_some_and(|lock| lock.id().starts_with("0x")) {
            self.watch.find("the hub's answer", SOON, health).await.unwrap();
        }
        thumbturn_locksim::wait_until("own message", SOON, || self.watch.on(topic).len() > before).await.unwrap();
    }

    /// Publishes an unlock or lock for a lock of the Zigbee2MQTT dialect; says when.
    pub(crate) fn command(&self, name: &str, word: &str) -> Instant {
        self.watch.publish(&format!("zigbee2mqtt/{name}/set"), format!(r#"{{"state":"{word}"}}"#));
        Instant::now()
    }

    /// The state messages of a lock so far.
    pub(crate) fn states(&self, name: &str) -> Vec<Value> {
        self.watch.on(&format!("zigbee2mqtt/{name}")).iter().map(Seen::json).collect()
    }

    /// Waits for a state message with this field.
    pub(crate) async fn state(&self, name: &str, key: &str, value: impl Into<Value>) -> Seen {
        let (topic, value) = (format!("zigbee2mqtt/{name}"), value.into());
        let what = format!("{key} {value} of {name}");
        let fits = |seen: &Seen| seen.topic == topic && seen.json().get(key) == Some(&value);
        self.watch.find(&what, SOON, fits).await.unwrap()
    }

    /// Waits for an error line that contains this; returns it whole.
    pub(crate) async fn error_line(&self, part: &str) -> (String, Instant) {
        let fits = |seen: &Seen| {
            let json = seen.json();
            seen.topic == "zigbee2mqtt/bridge/logging"
                && json["level"] == "error"
                && json["message"].as_str().is_some_and(|line| line.contains(part))
        };
        let seen = self.watch.find(part, SOON, fits).await.unwrap();
        (seen.json()["message"].as_str().unwrap().to_owned(), seen.at)
    }

    pub(crate) fn error_lines(&self) -> usize {
        self.watch.on("zigbee2mqtt/bridge/logging").iter().filter(|seen| seen.json()["level"] == "error").count()
    }

    /// Waits until the lock answered a read made now: everything it had to say before has been said.
    pub(crate) async fn read_back(&self, name: &str) {
        let lock = self.sim.lock(name);
        let before = (lock.received().len(), self.states(name).len());
        self.watch.publish(&format!("zigbee2mqtt/{name}/get"), r#"{"state":""}"#);
        let answered = || lock.received().len() > before.0 && self.states(name).len() > before.1;
        thumbturn_locksim::wait_until("the read", SOON, answered).await.unwrap();
    }
}

/// A Zigbee2MQTT with locks whose motors take 60 ms.
pub(crate) fn quick(count: usize) -> SimConfig {
    SimConfig::zigbee2mqtt(count).each(|lock| lock.motor = ms(60))
}

/// The words of `action` in these messages, in order.
pub(crate) fn actions(states: &[Value]) -> Vec<String> {
    states.iter().filter_map(|state| state["action"].as_str().map(str::to_owned)).collect()
}

/// The words of `lock_state` in these messages, in order.
pub(crate) fn lock_states(states: &[Value]) -> Vec<String> {
    states.iter().map(|state| state["lock_state"].as_str().unwrap_or("-").to_owned()).collect()
}
