//! Whether anything has no snapshot: the declarations say what an endpoint can answer, the sources what was seen.

use std::collections::{BTreeSet, HashSet};

use thumbturn_api::{Credential, EndpointInfo, ErrorType, endpoints};

use super::SOURCES;
use super::layers::{LAYERS, NOWHERE};

/// Endpoints that never succeed, and why.
const NEVER_GOOD: &[(&str, &str)] = &[
    ("/spaces/add_acs_entrances", "there are no entrances here"),
    ("/spaces/remove_acs_entrances", "there are no entrances here"),
    ("/user_identities/unmanaged/get", "no access system tells of any"),
    ("/user_identities/unmanaged/update", "no access system tells of any"),
];

/// What is said of all endpoints and cannot come from this one: what is no parameter is ignored, so without parameters
/// no query is ambiguous.
fn never_comes(endpoint: &EndpointInfo, error: ErrorType) -> bool {
    error == ErrorType::InvalidQueryParams && endpoint.params.is_empty()
}

/// What stands at the head of a snapshot: whose answer it is, and `200` or the type of the error.
type Head<'a> = (&'a str, &'a str);

/// The head that a line is, if it is one: `<path or layer> 200`, `<path or layer> <status> <error type>`.
fn head(line: &str) -> Option<Head<'_>> {
    let is_status = |word: &str| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    let (before, last) = line.trim().rsplit_once(' ')?;
    if last == "200" {
        return Some((before, last));
    }
    let (name, status) = before.rsplit_once(' ')?;
    (is_status(status) && ErrorType::from_code(last).is_some()).then_some((name, last))
}

fn heads() -> HashSet<Head<'static>> {
    SOURCES.iter().flat_map(|source| source.lines()).filter_map(head).collect()
}

/// Whether a snapshot of the layer does not do, because this endpoint says something of its own.
fn is_its_own(endpoint: &EndpointInfo, error: ErrorType) -> bool {
    match error {
        // A session that may not see the device.
        ErrorType::Unauthorized => {
            let names_a_device = endpoint.params.first().is_some_and(|first| first.name == "device_id");
            names_a_device && endpoint.auth.contains(&Credential::ClientSession)
        }
        // The session that is asked for, not the one that asks.
        ErrorType::ClientSessionNotFound => endpoint.path.starts_with("/client_sessions/"),
        _ => false,
    }
}

/// Whether the error is answered with a snapshot of the endpoint's own, or of a layer, or never.
fn is_covered(endpoint: &EndpointInfo, error: ErrorType, seen: &HashSet<Head<'_>>) -> bool {
    seen.contains(&(endpoint.path, error.as_str())) || by_a_layer(endpoint, error, seen) || never_comes(endpoint, error)
}

fn by_a_layer(endpoint: &EndpointInfo, error: ErrorType, seen: &HashSet<Head<'_>>) -> bool {
    let mut layers = LAYERS.iter().filter(|layer| (layer.holds)(endpoint) && layer.errors.contains(&error));
    !is_its_own(endpoint, error) && layers.any(|layer| seen.contains(&(layer.name, error.as_str())))
}

#[test]
fn every_answer_of_every_endpoint_has_a_snapshot() {
    let seen = heads();
    let mut missing = Vec::new();
    for endpoint in endpoints() {
        let path = endpoint.path;
        // One that is said never to succeed must not have one.
        if seen.contains(&(path, "200")) == NEVER_GOOD.iter().any(|(never, _)| *never == path) {
            missing.push(format!("{path} 200"));
        }
        for error in endpoint.possible_errors().into_iter().chain(ErrorType::ANYWHERE.iter().copied()) {
            if !is_covered(&endpoint, error, &seen) {
                missing.push(format!("{path} {} {}", error.status().as_u16(), error.as_str()));
            }
        }
    }
    assert!(missing.is_empty(), "{} answers have no snapshot:\n{}", missing.len(), missing.join("\n"));
}

#[test]
fn every_snapshot_is_of_something_declared() {
    let names: BTreeSet<&str> = endpoints()
        .iter()
        .map(|endpoint| endpoint.path)
        .chain(LAYERS.iter().map(|layer| layer.name))
        .chain([NOWHERE])
        .collect();
    let strange: Vec<Head<'_>> = heads().into_iter().filter(|(name, _)| !names.contains(name)).collect();
    assert!(strange.is_empty(), "{strange:?}");
}

/// What is read from the sources is what the tests check: a head stands in a snapshot, and no test is left out.
#[test]
fn the_register_says_what_is_tested() {
    for source in SOURCES {
        let snapshots = source.matches("assert_snapshot!(").count();
        assert_eq!(source.lines().filter_map(head).count(), snapshots, "{}", &source[..source.len().min(200)]);
        assert!(!source.contains("#[ignore") && !source.contains("/*") && !source.contains("cfg("), "{source}");
        let tests = source.matches("#[tokio::test]").count() + source.matches("#[test]").count();
        assert!(tests > 0 && snapshots >= tests, "{} tests, {snapshots} snapshots", tests);
    }
}
