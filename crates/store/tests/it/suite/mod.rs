//! What holds on every database. This folder is compiled once for each: `sqlite.rs` and `postgres.rs` say which.

use super::World;

mod accounts;
mod attempts;
mod cache;
mod credentials;
mod devices;
mod events;
mod kept_calls;
mod lists;
mod resets;
mod retention;
mod scopes;
mod sessions;
mod set_up;
mod spaces;
mod user_identities;
mod webhooks;
mod writer;
