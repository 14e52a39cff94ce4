//! How Thumbturn talks to hubs.
//!
//! What lives here: one folder per kind of hub, each of which turns that hub's protocol into the few words of
//! [`thumbturn_core::ports`]. What does not: deciding whether an attempt succeeded, sending a command again, SQL. A
//! driver reports what a lock said and how; the engine decides.

mod config;
pub mod mqtt;
pub mod sandbox;

pub use config::ConfigProblem;
