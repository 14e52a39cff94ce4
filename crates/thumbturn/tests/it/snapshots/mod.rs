//! Every answer in whole: status and body of each endpoint's success and of each of its refusals, beside the call.
//!
//! A snapshot begins with a line `<path> <status>[ <error type>]`. These lines are the register: [`register`] reads
//! them from the sources, and fails when a declared endpoint or one of its possible errors has none. What one layer
//! answers for many endpoints alike stands once, in [`alike`], under the name of the layer.
//!
//! To accept changed or new snapshots: `cargo insta test --accept -p thumbturn --test it` (needs `cargo install
//! cargo-insta`). Without it a snapshot that is missing (`@""`) or differs fails the test, and with `CI` set nothing is
//! written.

mod layers;
mod register;
mod stage;

mod action_attempts;
mod alike;
mod client_sessions;
mod connected_accounts;
mod device_providers;
mod device_simulations;
mod devices;
mod events;
mod evidence;
mod health;
mod hubs;
mod identity_grants;
mod lock_actions;
mod locks;
mod publishable_keys;
mod sandbox;
mod simulations;
mod space_entrances;
mod space_members;
mod spaces;
mod unmanaged_devices;
mod unmanaged_identities;
mod user_identities;
mod webhook_deliveries;
mod webhooks;
mod workspaces;

/// The sources of the snapshots.
const SOURCES: &[&str] = &[
    include_str!("action_attempts.rs"),
    include_str!("alike.rs"),
    include_str!("client_sessions.rs"),
    include_str!("connected_accounts.rs"),
    include_str!("device_providers.rs"),
    include_str!("device_simulations.rs"),
    include_str!("devices.rs"),
    include_str!("events.rs"),
    include_str!("evidence.rs"),
    include_str!("health.rs"),
    include_str!("hubs.rs"),
    include_str!("identity_grants.rs"),
    include_str!("lock_actions.rs"),
    include_str!("locks.rs"),
    include_str!("publishable_keys.rs"),
    include_str!("sandbox.rs"),
    include_str!("simulations.rs"),
    include_str!("space_entrances.rs"),
    include_str!("space_members.rs"),
    include_str!("spaces.rs"),
    include_str!("unmanaged_devices.rs"),
    include_str!("unmanaged_identities.rs"),
    include_str!("user_identities.rs"),
    include_str!("webhook_deliveries.rs"),
    include_str!("webhooks.rs"),
    include_str!("workspaces.rs"),
];
