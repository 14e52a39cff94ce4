//! The suite on SQLite.

type World = crate::support::World<crate::support::Sqlite>;

#[path = "suite/mod.rs"]
mod suite;
