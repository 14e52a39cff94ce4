//! The health of the server, for the official command line and for people.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::endpoints;
use crate::enums::string_enum;
use crate::time::Timestamp;

/// How the server is. Its fields stand beside `ok` at the top level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// A sentence for people.
    pub msg: String,
    /// When this was found out.
    pub last_service_evaluation_at: Timestamp,
    /// One entry for each part of the server.
    pub service_health_statuses: Vec<ServiceHealth>,
}

/// How one part of the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceHealth {
    /// Name of the part.
    pub service: String,
    /// How it is.
    pub status: ServiceStatus,
    /// A sentence for people.
    pub description: String,
}

string_enum! {
    /// How a part of the server is.
    ServiceStatus {
        /// It works.
        Healthy = "healthy",
        /// It works with limits.
        Degraded = "degraded",
        /// It does not work.
        Down = "down",
    }
}

endpoints! {
    /// Says how the server is.
    endpoint GetHealth {
        path: "/health/get_health",
        methods: [GET, POST],
        auth: [Public],
        response: [] => Health,
        changes: false,
        params: {},
    }

    /// Says how the server is. The same as `/health/get_health`.
    endpoint GetHealthShort {
        path: "/health",
        methods: [GET, POST],
        auth: [Public],
        response: [] => Health,
        changes: false,
        params: {},
    }
}
