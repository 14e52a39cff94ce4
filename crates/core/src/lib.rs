//! The rules and the engine of Thumbturn.
//!
//! What lives here: what a lock, an attempt, an event, a scope and an account *are*, the rules that decide how an
//! attempt ends ([`attempt`]), and the tasks that carry attempts out ([`hub`]). What does not: HTTP, JSON, SQL and
//! clocks of its own. Time comes in as a [`time::Moment`] or through [`ports::Clock`]; rows are written through
//! [`ports::Store`]; hubs are reached through [`ports::Driver`].

pub mod accounts;
pub mod attempt;
pub mod attempts;
pub mod change;
pub mod codes;
pub mod commands;
pub mod credentials;
pub mod devices;
pub mod events;
pub mod evidence;
pub mod hub;
pub mod ids;
pub mod locks;
pub mod memory;
pub mod meter;
pub mod nodes;
pub mod pins;
pub mod ports;
pub mod scope;
pub mod spaces;
pub mod time;
pub mod user_identities;
pub mod webhooks;
pub mod workspaces;
