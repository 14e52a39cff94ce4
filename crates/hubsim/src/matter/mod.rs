//! A real Matter server on virtual Matter locks with a physical truth.
//!
//! The programs are those of `e2e/matter`: a [`House`] is the locks, made with matter.js, in a network of their own; a [`Hub`]
//! is the real Matter server, which shares no more than a link with them. What a lock *says* can be made wrong in every way
//! that was seen with real ones ([`Faults`]); what its bolt really *did* is counted by the lock itself ([`Truth`]).

mod client;
mod house;
mod hub;
mod spec;

pub use client::Client;
pub use house::House;
pub use hub::Hub;
pub use spec::{By, Faults, KeptCode, LockSpec, Place, Saying, Truth};

use std::path::PathBuf;

/// Where the programs are.
fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../e2e/matter"))
}
