//! How Thumbturn talks to hubs.
//!
//! What lives here: one folder per kind of hub, each of which turns that hub's protocol into the few words of
//! [`thumbturn_core::ports`]. What does not: deciding whether an attempt succeeded, sending a command again, SQL. A
//! driver reports what a lock said and how; the engine decides.

mod address;
mod backlog;
mod brand;
mod codes;
mod config;
pub mod home_assistant;
pub mod matter;
pub mod mqtt;
pub mod sandbox;
mod session;
mod tls;
mod websocket;
pub mod zwave_js;

pub use config::ConfigProblem;
