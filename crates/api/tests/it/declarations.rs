//! What has to hold for every declared endpoint.

use std::collections::HashSet;

use http::Method;
use thumbturn_api::{Credential, EndpointInfo, Field, Kind, endpoints, is_official_path};

#[test]
fn paths_and_names_are_unique() {
    let mut paths = HashSet::new();
    let mut names = HashSet::new();
    for endpoint in endpoints() {
        assert!(paths.insert(endpoint.path), "{}", endpoint.path);
        assert!(names.insert(endpoint.name), "{}", endpoint.name);
    }
    assert_eq!(paths.len(), 88);
}

#[test]
fn every_path_is_official_or_visibly_ours() {
    for EndpointInfo { path, .. } in endpoints() {
        let ours = path.starts_with("/thumbturn/") || path == "/health" || path.starts_with("/health/");
        assert_ne!(ours, is_official_path(path), "{path}");
    }
}

#[test]
fn post_always_works_and_at_most_one_other_method_goes_first() {
    for endpoint in endpoints() {
        assert_eq!(endpoint.methods.last(), Some(&Method::POST), "{}", endpoint.path);
        assert!(endpoint.methods.len() <= 2, "{}", endpoint.path);
        assert_eq!(endpoint.changes, endpoint.semantic_method() != Method::GET, "{}", endpoint.path);
    }
}

#[test]
fn every_endpoint_takes_a_workspace_key_or_is_public() {
    for endpoint in endpoints() {
        let public = endpoint.auth == [Credential::Public] || endpoint.path == "/workspaces/create";
        assert!(public || endpoint.auth.contains(&Credential::ApiKey), "{}", endpoint.path);
        assert!(public || endpoint.auth.contains(&Credential::PatWithWorkspace), "{}", endpoint.path);
    }
}

#[test]
fn response_keys_and_pages_are_as_clients_expect() {
    let find = |path: &str| endpoints().into_iter().find(|endpoint| endpoint.path == path).unwrap();
    assert_eq!(find("/locks/get").response_keys, ["device", "lock"]);
    assert_eq!(find("/locks/list").response_keys, ["devices", "locks"]);
    assert!(find("/devices/update").response_keys.is_empty());
    let paged: Vec<_> =
        endpoints().into_iter().filter(|endpoint| endpoint.paginated).map(|endpoint| endpoint.path).collect();
    assert_eq!(
        paged,
        [
            "/action_attempts/list",
            "/connected_accounts/list",
            "/devices/list",
            "/locks/list",
            "/spaces/list",
            "/devices/unmanaged/list",
            "/user_identities/list",
            "/user_identities/unmanaged/list"
        ]
    );
    for endpoint in endpoints().iter().filter(|endpoint| endpoint.paginated) {
        let names: Vec<_> = endpoint.params.iter().map(|field| field.name).collect();
        assert!(names.contains(&"limit") && names.contains(&"page_cursor"), "{}", endpoint.path);
    }
}

#[test]
fn everything_is_described_and_named_once() {
    for endpoint in endpoints() {
        assert!(!endpoint.description.is_empty(), "{}", endpoint.path);
        check_fields(endpoint.path, endpoint.params);
    }
}

fn check_fields(path: &str, fields: &[Field]) {
    let mut names = HashSet::new();
    for field in fields {
        assert!(names.insert(field.name), "{path}: {} twice", field.name);
        assert!(!field.description.is_empty(), "{path}: {}", field.name);
        assert!(field.default.is_none() || !field.required, "{path}: {}", field.name);
        if let Kind::Object { fields } = &field.schema.kind {
            check_fields(path, fields);
        }
    }
}

#[test]
fn rules_name_declared_parameters() {
    use thumbturn_api::Rule::{AtLeastOne, AtMostOne, ExactlyOne};
    for endpoint in endpoints() {
        for AtLeastOne(names) | AtMostOne(names) | ExactlyOne(names) in endpoint.rules {
            for name in *names {
                assert!(endpoint.params.iter().any(|field| field.name == *name), "{}: {name}", endpoint.path);
            }
        }
    }
}

#[test]
fn the_declaration_says_everything_about_a_parameter() {
    let unlock = endpoints().into_iter().find(|endpoint| endpoint.name == "UnlockDoor").unwrap();
    let [device_id, sync] = unlock.params else { panic!("{:?}", unlock.params) };
    assert!(device_id.required && device_id.default.is_none());
    assert_eq!(device_id.description, "The lock.");
    assert!(!sync.required);
    assert_eq!(unlock.default_of("sync"), Some(&serde_json::json!(false)));
    assert_eq!(sync.schema.kind, Kind::Boolean);
    assert!(unlock.description.starts_with("Unlocks a door.\n\nEach call is an attempt of its own"));
}

/// What the official API says about the paths served here: semantic method, credentials that matter here (K API key,
/// P and Q personal access token with and without workspace, C client session, PK publishable key), response keys.
const OFFICIAL: &[(&str, &str, &str, &str)] = &[
    ("/action_attempts/get", "GET", "K P C", "action_attempt"),
    ("/action_attempts/list", "GET", "K P", "action_attempts"),
    ("/client_sessions/create", "PUT", "K P PK", "client_session"),
    ("/client_sessions/delete", "DELETE", "K P", ""),
    ("/client_sessions/get", "GET", "K P C", "client_session"),
    ("/client_sessions/get_or_create", "POST", "K P PK", "client_session"),
    ("/client_sessions/grant_access", "PATCH", "K P", "client_session"),
    ("/client_sessions/list", "GET", "K P", "client_sessions"),
    ("/client_sessions/revoke", "POST", "K P", ""),
    ("/connected_accounts/delete", "DELETE", "K P", ""),
    ("/connected_accounts/get", "GET", "K P C", "connected_account"),
    ("/connected_accounts/list", "GET", "K P", "connected_accounts"),
    ("/connected_accounts/update", "PATCH", "K P", "connected_account"),
    ("/connected_accounts/sync", "POST", "K P", ""),
    ("/connected_accounts/simulate/disconnect", "POST", "K P", ""),
    ("/devices/delete", "DELETE", "K P", ""),
    ("/devices/list_device_providers", "GET", "K P C", "device_providers"),
    ("/devices/report_provider_metadata", "POST", "K P", ""),
    ("/devices/simulate/connect", "POST", "K P", ""),
    ("/devices/simulate/connect_to_hub", "POST", "K P", ""),
    ("/devices/simulate/disconnect", "POST", "K P", ""),
    ("/devices/simulate/disconnect_from_hub", "POST", "K P", ""),
    ("/devices/simulate/paid_subscription", "POST", "K P", ""),
    ("/devices/simulate/remove", "POST", "K P", ""),
    ("/locks/configure_auto_lock", "POST", "K P C", "action_attempt"),
    ("/locks/simulate/keypad_code_entry", "POST", "K P", "action_attempt"),
    ("/locks/simulate/manual_lock_via_keypad", "POST", "K P", "action_attempt"),
    ("/workspaces/reset_sandbox", "POST", "K P", "action_attempt"),
    ("/devices/get", "GET", "K P C", "device"),
    ("/devices/list", "GET", "K P C", "devices"),
    ("/devices/update", "PATCH", "K P C", ""),
    ("/devices/unmanaged/get", "GET", "K P C", "device"),
    ("/devices/unmanaged/list", "GET", "K P C", "devices"),
    ("/devices/unmanaged/update", "PATCH", "K P", ""),
    ("/events/get", "GET", "K P C", "event"),
    ("/events/list", "GET", "K P C", "events"),
    ("/locks/get", "GET", "K P C", "device lock"),
    ("/locks/list", "GET", "K P C", "devices locks"),
    ("/locks/lock_door", "POST", "K P C", "action_attempt"),
    ("/locks/unlock_door", "POST", "K P C", "action_attempt"),
    ("/spaces/add_acs_entrances", "PUT", "K P", ""),
    ("/spaces/add_connected_account", "PUT", "K P", ""),
    ("/spaces/add_devices", "PUT", "K P", ""),
    ("/spaces/create", "POST", "K P", "space"),
    ("/spaces/delete", "DELETE", "K P", ""),
    ("/spaces/get", "GET", "K P", "space"),
    ("/spaces/get_related", "GET", "K P", "batch"),
    ("/spaces/list", "GET", "K P", "spaces"),
    ("/spaces/remove_acs_entrances", "DELETE", "K P", ""),
    ("/spaces/remove_connected_account", "DELETE", "K P", ""),
    ("/spaces/remove_devices", "DELETE", "K P", ""),
    ("/spaces/update", "PATCH", "K P", "space"),
    ("/user_identities/create", "POST", "K P", "user_identity"),
    ("/user_identities/delete", "DELETE", "K P", ""),
    ("/user_identities/get", "GET", "K P", "user_identity"),
    ("/user_identities/grant_access_to_device", "PUT", "K P", ""),
    ("/user_identities/list", "GET", "K P C", "user_identities"),
    ("/user_identities/list_accessible_devices", "GET", "K P", "devices accessible_devices"),
    ("/user_identities/merge", "POST", "K P", ""),
    ("/user_identities/revoke_access_to_device", "DELETE", "K P", ""),
    ("/user_identities/update", "PATCH", "K P", ""),
    ("/user_identities/unmanaged/get", "GET", "K P", "user_identity"),
    ("/user_identities/unmanaged/list", "GET", "K P C", "user_identities"),
    ("/user_identities/unmanaged/update", "PATCH", "K P C", ""),
    ("/webhooks/create", "POST", "K P", "webhook"),
    ("/webhooks/delete", "DELETE", "K P", ""),
    ("/webhooks/get", "GET", "K P", "webhook"),
    ("/webhooks/list", "GET", "K P", "webhooks"),
    ("/webhooks/update", "PUT", "K P", ""),
    ("/workspaces/create", "POST", "Q", "workspace"),
    ("/workspaces/update", "PATCH", "K P", ""),
    ("/workspaces/get", "GET", "K P C", "workspace"),
    ("/workspaces/list", "GET", "K P Q C", "workspaces"),
];

fn letter(credential: &Credential) -> &'static str {
    match credential {
        Credential::ApiKey => "K",
        Credential::PatWithWorkspace => "P",
        Credential::PatWithoutWorkspace => "Q",
        Credential::ClientSession => "C",
        Credential::PublishableKey => "PK",
        Credential::Public => "-",
    }
}

#[test]
fn declarations_agree_with_the_official_api() {
    for endpoint in endpoints().iter().filter(|endpoint| is_official_path(endpoint.path)) {
        let (_, method, auth, keys) = OFFICIAL.iter().find(|(path, ..)| *path == endpoint.path).unwrap();
        let mut letters: Vec<_> = endpoint.auth.iter().map(letter).collect();
        if endpoint.path == "/connected_accounts/list" {
            letters.retain(|letter| *letter != "C"); // allowed here too: it is scoped and does no harm
        }
        assert_eq!(endpoint.semantic_method(), *method, "{}", endpoint.path);
        assert_eq!(letters.join(" "), *auth, "{}", endpoint.path);
        assert_eq!(endpoint.response_keys.join(" "), *keys, "{}", endpoint.path);
    }
}
