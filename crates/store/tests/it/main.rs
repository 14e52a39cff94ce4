//! The store as its callers see it. The suite is written against the public handle alone and runs on both databases; the
//! other modules are about one of them.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected comes")]

mod durability;
mod moving;
mod opening;
mod postgres;
mod postgres_only;
mod sqlite;
mod support;
