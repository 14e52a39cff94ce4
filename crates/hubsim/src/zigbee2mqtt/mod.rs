//! A real Zigbee2MQTT on simulated Zigbee locks with a physical truth.
//!
//! The program is the one of `e2e/zigbee2mqtt`, unmodified: a [`Hub`] is that with a folder of its own, on a broker that
//! somebody else started. A [`House`] is its radio: a coordinator that is reached over TCP and speaks TI's MT protocol, and
//! the locks behind it. Those live in the test, so that a hub can be killed or frozen and the bolts stay where they are.
//! What a lock *says* can be made wrong ([`Faults`]); what its bolt really *did* is counted by the lock itself ([`Truth`]).
//!
//! | File | What |
//! |---|---|
//! | `frame` | the frames between a hub and its coordinator |
//! | `stick` | the coordinator: what it is and remembers |
//! | `zdo` | how a device introduces itself |
//! | `zcl` | what is said to and by a device |
//! | `lock`, `keypad` | one lock |
//! | `house` | the coordinator with all of its locks |
//! | `hub` | the program |

mod frame;
mod house;
mod hub;
mod keypad;
mod lock;
mod spec;
mod stick;
mod zcl;
mod zdo;

pub use house::House;
pub use hub::{Hub, HubSettings};
pub use spec::{By, Faults, LockSpec, Place, Truth};
