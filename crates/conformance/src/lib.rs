//! What every driver promises, as tests.
//!
//! A driver's tests build a [`Site`]: the real hub, locks that count what their bolts really did, and the engine with that
//! driver ([`Home`]). [`promises!`] makes a test of each promise. A driver that writes code slots builds [`codes::Keypads`] as
//! well, for [`code_promises!`]. What a driver can do beyond that has tests of its own.
//!
//! What does not belong here: anything that knows a driver or a hub.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests, shared by several: what is not as expected must stop them"
)]

pub mod codes;
mod home;
pub mod promises;
mod site;

pub use home::{CONFIRMED, Home, SOON, Shelf, UNCONFIRMED, account, clock, failure, wait_until};
pub use site::{By, Site, Trouble, Truth};
