//! Simulated hubs and locks, and everything that can go wrong with them.

pub(crate) mod driver;
pub(crate) mod hub;
pub(crate) mod lock;
pub(crate) mod trouble;
