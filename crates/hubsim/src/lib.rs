//! Real hubs on simulated locks with a physical truth.
//!
//! For tests. One module for each kind of hub: the hub is the real program, its locks are simulated by other processes, so
//! that a hub can be killed or frozen and the bolts stay where they are. What a lock *says* can be made wrong in every way
//! that was seen with real ones; what its bolt really *did* is counted by the lock itself.
//!
//! What does not belong here: anything that knows the product under test.

mod error;
pub mod home_assistant;
pub mod matter;
mod process;
mod socket;
pub mod zigbee2mqtt;
pub mod zwave;

pub use error::Error;
