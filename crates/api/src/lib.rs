//! The wire contract of Thumbturn: requests, responses, errors, and one declaration per endpoint.
//!
//! The file of a noun ([`locks`], [`devices`], ...) holds its wire types and its endpoint declarations. Router,
//! OpenAPI document, Rust client and command line are fed from those declarations; [`endpoints`] lists them all.
//! There is no I/O here, no rule of the domain and nothing that is read from a database.
//!
//! To add an endpoint, copy a declaration in the file of its noun and change it; a new noun also gets a line in
//! [`endpoints`]. The grammar is explained at the `endpoints!` macro in `endpoint.rs`.

mod endpoint;
mod enums;
mod envelope;
mod error;
mod ids;
mod input;
mod nul;

pub mod openapi;

mod official_paths;
mod params;
mod possible_errors;
mod problems;
mod query;
mod schema;
mod time;
mod values;

pub mod action_attempts;
pub mod client_sessions;
pub mod connected_accounts;
pub mod device_filters;
pub mod device_providers;
pub mod devices;
pub mod event_types;
pub mod events;
pub mod evidence;
pub mod health;
pub mod locks;
pub mod metadata;
pub mod sandbox;
pub mod sandbox_script;
pub mod simulations;
pub mod spaces;
pub mod unmanaged_devices;
pub mod user_identities;
pub mod webhooks;
pub mod workspaces;

pub use endpoint::{Credential, Endpoint, EndpointInfo, Rule};
pub use envelope::{Answer, Envelope, Page, Pagination};
pub use error::{ApiError, ErrorBody, ErrorDetail, ErrorType};
pub use ids::*;
pub use input::{Request, read_input, read_request};
pub use metadata::{CustomMetadata, MetadataChanges, MetadataFilter, MetadataValue};
pub use official_paths::{OFFICIAL_PATHS, documented_paths, is_official_path, official_path};
pub use params::{JsonObject, Nullable, Param, ParamSet, Strict};
pub use problems::Problems;
pub use query::{QueryError, parse_query};
pub use schema::{Field, Format, Kind, Schema};
pub use time::{PreciseTimestamp, Timestamp};
pub use values::{Decimal, Email, Fraction, Integer, Limit, List, NonEmptyString, Secret, Text, TimeRange};

/// Every declared endpoint, noun by noun.
pub fn endpoints() -> Vec<EndpointInfo> {
    [
        action_attempts::endpoints(),
        client_sessions::endpoints(),
        connected_accounts::endpoints(),
        device_providers::endpoints(),
        devices::endpoints(),
        events::endpoints(),
        evidence::endpoints(),
        health::endpoints(),
        locks::endpoints(),
        sandbox::endpoints(),
        simulations::endpoints(),
        spaces::endpoints(),
        unmanaged_devices::endpoints(),
        user_identities::endpoints(),
        webhooks::endpoints(),
        workspaces::endpoints(),
    ]
    .concat()
}
