//! Which errors an endpoint can answer: what follows from its declaration, and what the declaration adds.

use crate::endpoint::{Credential, Endpoint as _, EndpointInfo};
use crate::error::ErrorType;
use crate::events::GetEvent;
use crate::workspaces::UpdateWorkspace;

impl ErrorType {
    /// What any call can be answered with, whatever its endpoint.
    pub const ANYWHERE: &'static [Self] = &[
        Self::InvalidInput,
        Self::InvalidQueryParams,
        Self::InvalidContentType,
        Self::MethodNotAllowed,
        Self::PayloadTooLarge,
        Self::ServiceUnavailable,
        Self::InternalServerError,
    ];
}

impl EndpointInfo {
    /// The errors that a call of this endpoint can be answered with, besides those of [`ErrorType::ANYWHERE`].
    pub fn possible_errors(&self) -> Vec<ErrorType> {
        let mut errors = Vec::new();
        for credential in self.auth {
            errors.extend_from_slice(of_credential(*credential));
        }
        if self.is_closed_by_suspension() {
            errors.push(ErrorType::WorkspaceSuspended);
        }
        if self.changes {
            errors.push(ErrorType::IdempotencyKeyConflict);
        }
        if self.path.contains("/simulate/") {
            errors.extend_from_slice(&[ErrorType::WorkspaceNotSandbox, ErrorType::DeviceTypeNotSupported]);
        }
        // A filter that matches nothing answers an empty list, tells nothing, or says that there is no such event.
        if !self.path.ends_with("/list") && !self.streams && self.path != GetEvent::PATH {
            errors.extend(self.params.iter().filter_map(|field| not_found(field.name)));
        }
        if self.paginated {
            errors.push(ErrorType::MismatchedPageParameters);
        }
        errors.extend_from_slice(self.errors);
        errors.sort_by_key(|error| ErrorType::ALL.iter().position(|known| known == error));
        errors.dedup();
        errors
    }

    /// Whether it is refused in a suspended workspace, which can be read and not changed. The way out of a suspension
    /// stays open.
    pub fn is_closed_by_suspension(&self) -> bool {
        let is_in_a_workspace = !self.auth.contains(&Credential::PatWithoutWorkspace);
        self.changes && is_in_a_workspace && self.path != UpdateWorkspace::PATH
    }
}

const fn of_credential(credential: Credential) -> &'static [ErrorType] {
    use ErrorType as E;
    match credential {
        Credential::ApiKey | Credential::PatWithWorkspace | Credential::PatWithoutWorkspace => &[E::Unauthorized],
        Credential::ClientSession => &[
            E::Unauthorized,
            E::ClientSessionNotFound,
            E::ClientSessionRevoked,
            E::ClientSessionExpired,
            E::InvalidClientSessionToken,
        ],
        Credential::PublishableKey => &[
            E::InvalidPublishableKey,
            E::WorkspaceNotFound,
            E::PublishableKeyRequiresUserIdentifierKey,
            E::PublishableKeysMustCreateEmptyClientSessions,
        ],
        Credential::Public => &[],
    }
}

/// `device_id` and `device_ids` name something that may not be there: `device_not_found`.
fn not_found(parameter: &str) -> Option<ErrorType> {
    let noun = parameter.strip_suffix("_id").or_else(|| parameter.strip_suffix("_ids"))?;
    ErrorType::from_code(&format!("{noun}_not_found"))
}

#[cfg(test)]
mod tests {
    use crate::ErrorType as E;

    fn errors(path: &str) -> Vec<E> {
        crate::endpoints().iter().find(|endpoint| endpoint.path == path).unwrap().possible_errors()
    }

    #[test]
    fn what_is_named_may_be_missing_and_what_is_filtered_by_may_not() {
        assert!(errors("/devices/get").contains(&E::DeviceNotFound));
        assert!(errors("/client_sessions/create").contains(&E::ConnectedAccountNotFound));
        assert!(!errors("/devices/list").contains(&E::ConnectedAccountNotFound));
        assert!(!errors("/events/get").contains(&E::DeviceNotFound), "the device is a filter");
    }

    #[test]
    fn only_what_changes_something_is_refused_in_a_suspended_workspace() {
        assert!(errors("/devices/update").contains(&E::WorkspaceSuspended));
        assert!(!errors("/devices/get").contains(&E::WorkspaceSuspended));
        assert!(!errors("/workspaces/update").contains(&E::WorkspaceSuspended), "it is the way out");
    }

    #[test]
    fn errors_are_in_order_and_named_once() {
        for endpoint in crate::endpoints() {
            let errors = endpoint.possible_errors();
            let places: Vec<_> = errors.iter().map(|error| E::ALL.iter().position(|known| known == error)).collect();
            assert!(places.is_sorted() && places.windows(2).all(|pair| pair[0] != pair[1]), "{}", endpoint.path);
            assert!(errors.iter().all(|error| !E::ANYWHERE.contains(error)), "{}", endpoint.path);
        }
    }

    #[test]
    fn a_code_names_its_type() {
        for error in E::ALL {
            assert_eq!(E::from_code(error.as_str()), Some(*error));
            assert!(error.description().ends_with(['.', ')']), "{}", error.description());
        }
        assert_eq!(E::from_code("nothing"), None);
    }
}
