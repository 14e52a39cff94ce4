//! The suite on PostgreSQL.

type World = crate::support::World<crate::support::Postgres>;

#[path = "suite/mod.rs"]
#[expect(clippy::duplicate_mod, reason = "the same tests on the other database")]
mod suite;
