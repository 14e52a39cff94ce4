//! A real Home Assistant on simulated locks with a physical truth.
//!
//! The program is `e2e/home_assistant/hub.py`: Home Assistant itself, with one integration more, which has a door for the
//! locks of a [`House`]. Those live in the test, so that a [`Hub`] can be killed and the bolts stay where they are. What a
//! lock *says* can be made wrong ([`Faults`]); what its bolt really *did* is counted by the lock itself ([`Truth`]).

mod bolt;
mod client;
mod house;
mod hub;
mod spec;

pub use client::Client;
pub use house::House;
pub use hub::Hub;
pub use spec::{Faults, LockSpec, Place, Truth};
