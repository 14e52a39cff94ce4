//! The server from outside: every endpoint, credential and refusal through the router, the wire through a socket, the
//! program through its command line.

#[cfg(test)]
mod app;
#[cfg(test)]
mod ask;
#[cfg(test)]
mod documents;

#[cfg(test)]
mod actions;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod canaries;
#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod event_stream;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod migrate_store;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod other_clients;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod program;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod resets;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod simulations;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod spaces;
#[cfg(test)]
mod user_identities;
#[cfg(test)]
mod webhook_commands;
#[cfg(test)]
mod webhook_time;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod wire;
