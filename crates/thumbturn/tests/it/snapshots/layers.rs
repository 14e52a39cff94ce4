//! What is answered before an endpoint is asked, and so by many endpoints alike: which they are. [`super::alike`] has
//! their snapshots.

use thumbturn_api::ErrorType as E;
use thumbturn_api::{Credential, EndpointInfo, Field, Kind, endpoints};

/// Endpoints that answer the same to the same fault.
pub(super) struct Layer {
    pub(super) name: &'static str,
    pub(super) holds: fn(&EndpointInfo) -> bool,
    /// What the snapshots under its name speak for.
    pub(super) errors: &'static [E],
}

pub(super) const EVERY: Layer = Layer {
    name: "every endpoint",
    holds: |_| true,
    errors: &[
        E::InvalidContentType,
        E::MethodNotAllowed,
        E::PayloadTooLarge,
        E::ServiceUnavailable,
        // No call brings it about; every answer in the tests is held against that.
        E::InternalServerError,
    ],
};
pub(super) const WITHOUT_PARAMETERS: Layer = Layer {
    name: "every endpoint without parameters",
    holds: |endpoint| endpoint.params.is_empty(),
    errors: &[E::InvalidInput],
};
pub(super) const WITH_A_SCALAR: Layer = Layer {
    name: "every endpoint with a parameter that is no list",
    holds: |endpoint| endpoint.params.iter().any(is_scalar),
    errors: &[E::InvalidQueryParams],
};
pub(super) const OF_LISTS_ONLY: Layer = Layer {
    name: "every endpoint whose parameters are lists",
    holds: |endpoint| !endpoint.params.is_empty() && !endpoint.params.iter().any(is_scalar),
    errors: &[E::InvalidQueryParams],
};
pub(super) const PAGINATED: Layer = Layer {
    name: "every endpoint with pages",
    holds: |endpoint| endpoint.paginated,
    errors: &[E::MismatchedPageParameters],
};
pub(super) const CLOSED: Layer = Layer {
    name: "every endpoint that is not public",
    holds: |endpoint| !endpoint.auth.contains(&Credential::Public),
    errors: &[E::Unauthorized],
};
pub(super) const FOR_KEYS: Layer = Layer {
    name: "every endpoint for API keys",
    holds: |endpoint| endpoint.auth.contains(&Credential::ApiKey),
    errors: &[],
};
pub(super) const NOT_FOR_SESSIONS: Layer = Layer {
    name: "every endpoint closed to client sessions",
    holds: |endpoint| (CLOSED.holds)(endpoint) && !(FOR_SESSIONS.holds)(endpoint),
    errors: &[],
};
pub(super) const NOT_FOR_PUBLISHABLE_KEYS: Layer = Layer {
    name: "every endpoint closed to publishable keys",
    holds: |endpoint| (CLOSED.holds)(endpoint) && !endpoint.auth.contains(&Credential::PublishableKey),
    errors: &[],
};
pub(super) const FOR_SESSIONS: Layer = Layer {
    name: "every endpoint for client sessions",
    holds: |endpoint| endpoint.auth.contains(&Credential::ClientSession),
    errors: &[E::ClientSessionNotFound, E::ClientSessionRevoked, E::ClientSessionExpired, E::InvalidClientSessionToken],
};
pub(super) const SUSPENDABLE: Layer = Layer {
    name: "every change of a workspace",
    holds: |endpoint| endpoint.possible_errors().contains(&E::WorkspaceSuspended),
    errors: &[E::WorkspaceSuspended],
};
pub(super) const BEGINS: Layer = Layer {
    name: "every action on a lock",
    holds: |endpoint| endpoint.attempt.is_some() && endpoint.path.starts_with("/locks/"),
    errors: &[E::IdempotencyKeyConflict],
};
pub(super) const CHANGES: Layer = Layer {
    name: "every other change",
    holds: |endpoint| endpoint.changes && !(BEGINS.holds)(endpoint),
    errors: &[E::IdempotencyKeyConflict],
};

/// What stands for a path that is not one of an endpoint.
pub(super) const NOWHERE: &str = "every other path";

pub(super) const LAYERS: &[Layer] = &[
    EVERY,
    WITHOUT_PARAMETERS,
    WITH_A_SCALAR,
    OF_LISTS_ONLY,
    PAGINATED,
    CLOSED,
    FOR_KEYS,
    NOT_FOR_SESSIONS,
    NOT_FOR_PUBLISHABLE_KEYS,
    FOR_SESSIONS,
    SUSPENDABLE,
    BEGINS,
    CHANGES,
];

pub(super) fn is_scalar(field: &Field) -> bool {
    !matches!(field.schema.kind, Kind::Array { .. } | Kind::Object { .. } | Kind::Map { .. } | Kind::JsonObject)
}

/// The endpoints of a layer.
pub(super) fn of(layer: &Layer) -> Vec<EndpointInfo> {
    endpoints().into_iter().filter(layer.holds).collect()
}
