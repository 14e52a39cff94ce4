//! Ten times as much as the server can do, by callers who do not wait for each other, beside callers who misbehave.
//!
//! `OVERLOAD_SECONDS` says how long each of the two loads goes on, `OVERLOAD_SEED` what is asked for. In the first the
//! locks are too slow, in the second the server is. `cargo xtask soak --overload 60` runs it for long.

#[cfg(test)]
mod aftermath;
#[cfg(test)]
mod callers;
#[cfg(test)]
#[path = "../support/listening.rs"]
mod listening;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod pests;
#[cfg(test)]
mod server;
