//! The store as its callers see it. Written against the public handle alone, so that the suite can run on a second
//! database; only `support::open` and the modules `durability` and `opening` know that there are files.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected comes")]

mod accounts;
mod attempts;
mod cache;
mod credentials;
mod devices;
mod durability;
mod events;
mod kept_calls;
mod lists;
mod opening;
mod resets;
mod retention;
mod scopes;
mod sessions;
mod set_up;
mod spaces;
mod support;
mod user_identities;
mod writer;
