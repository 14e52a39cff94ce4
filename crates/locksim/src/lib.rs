//! Simulated MQTT locks with a physical truth, and a real Mosquitto to run them on.
//!
//! For tests and for trying the product without hardware. A [`Sim`] is one hub with its locks: either a Zigbee2MQTT,
//! or locks of other makers announced by Home Assistant MQTT discovery. What a lock *says* can be made wrong in every
//! way that was seen with real ones ([`Fault`]); what its bolt really *did* is counted by the [`Lock`] itself.
//!
//! What does not belong here: anything that knows the product under test.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use thumbturn_locksim::{Bolt, Error, Fault, Mosquitto, Sim, SimConfig, Watch};
//! # async fn example() -> Result<(), Error> {
//! let broker = Mosquitto::start().await?;
//! let sim = Sim::start(broker.broker(), SimConfig::zigbee2mqtt(3)).await?;
//! let lock = sim.lock("lock-001");
//! lock.set_fault(Fault::LostAnswer { resend_after: Duration::from_millis(300) });
//!
//! let client = Watch::start(broker.broker(), &["zigbee2mqtt/#"]).await?;
//! client.publish("zigbee2mqtt/lock-001/set", r#"{"state":"UNLOCK"}"#);
//!
//! lock.wait_for_commands(2, Duration::from_secs(5)).await?; // the hub repeated it by itself
//! assert_eq!((lock.bolt(), lock.moves()), (Bolt::Unlocked, 1));
//! # Ok(())
//! # }
//! ```

mod air;
mod bridge;
mod broker;
mod certs;
mod codes;
mod config;
pub mod console;
mod discovery;
mod error;
mod faults;
mod hub;
mod link;
mod lock;
mod mosquitto;
mod radio;
mod signal;
mod sim;
mod turnstile;
mod wait;
mod watch;

pub use bridge::Make;
pub use broker::Broker;
pub use certs::TestCertificates;
pub use config::{DialectConfig, DiscoveryConfig, LockSpec, SimConfig, Zigbee2mqttConfig};
pub use discovery::Style;
pub use error::Error;
pub use faults::Fault;
pub use lock::{Lock, Told, Typed};
pub use mosquitto::{Mosquitto, MosquittoConfig, Persistence};
pub use signal::{Bolt, BoltMove, Cause, KeptCode, Order, Received, Request};
pub use sim::Sim;
pub use wait::{wait_for, wait_until};
pub use watch::{Seen, Watch};
