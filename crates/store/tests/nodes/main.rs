//! Several engines on one PostgreSQL, as nodes: who commands which hub, what happens to attempts on their way between nodes,
//! and what an ended node still does, which is nothing.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected comes")]

mod doors;
mod fenced;
mod shared;
mod takeover;
mod world;
