//! Tables of what works, from the declarations of the API.

use std::collections::BTreeMap;

use thumbturn_api::{EndpointInfo, documented_paths, endpoints as declared};

/// What a lock server is for, before what goes with it. Whatever is in neither is hardware of other kinds, or hosted.
const GROUPS: [(&str, &[&str]); 2] = [
    (
        "Locks, devices, workspaces",
        &[
            "action_attempts",
            "client_sessions",
            "connect_webviews",
            "connected_accounts",
            "devices",
            "locks",
            "workspaces",
        ],
    ),
    (
        "Codes, events, spaces, people",
        &["access_codes", "access_grants", "access_methods", "events", "spaces", "user_identities", "webhooks"],
    ),
];

/// The heading of the rest.
const REST: &str = "Other hardware, and what Seam hosts";

/// One row for each noun with its endpoints.
pub(crate) fn endpoints() -> String {
    let mut nouns: BTreeMap<(bool, &str), Vec<EndpointInfo>> = BTreeMap::new();
    for endpoint in declared() {
        let noun = noun(endpoint.path);
        nouns.entry((noun == "thumbturn", noun)).or_default().push(endpoint);
    }
    let rows = nouns.iter().map(|((is_ours, _), endpoints)| {
        let whose = if *is_ours { " (ours, not Seam's)" } else { "" };
        format!("| {} | works{whose}{} |\n", paths(endpoints), remarks(endpoints))
    });
    format!("| Endpoints | Status |\n|---|---|\n{}", rows.collect::<String>())
}

/// The first segment of a path.
fn noun(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

/// A path without its last segment, and that segment.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// `/locks/get`, `list`: the folder is said once.
fn paths(endpoints: &[EndpointInfo]) -> String {
    let mut folder = None;
    let mut words = Vec::new();
    for endpoint in endpoints {
        let (within, verb) = split(endpoint.path);
        let is_known = folder.replace(within) == Some(within);
        words.push(if is_known { verb } else { endpoint.path });
    }
    code(&words)
}

fn code<T: AsRef<str>>(words: &[T]) -> String {
    words.iter().map(|word| format!("`{}`", word.as_ref())).collect::<Vec<_>>().join(", ")
}

/// `, without webviews`; or `; list: without webviews` where that does not go for all.
fn remarks(endpoints: &[EndpointInfo]) -> String {
    let mut remarks: Vec<(&str, Vec<&str>)> = Vec::new();
    for endpoint in endpoints {
        let Some(without) = endpoint.without else { continue };
        let within = endpoint.path.splitn(3, '/').last().unwrap_or_default();
        match remarks.iter_mut().find(|(known, _)| *known == without) {
            Some((_, names)) => names.push(within),
            None => remarks.push((without, vec![within])),
        }
    }
    let told = remarks.iter().map(|(without, names)| {
        if names.len() == endpoints.len() {
            format!(", without {without}")
        } else {
            format!("; {} without {without}", code(names))
        }
    });
    told.collect()
}

/// How an official path is served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Works,
    Partly,
    NotYet,
}

fn status(declared: &[EndpointInfo], path: &str) -> Status {
    match declared.iter().find(|endpoint| endpoint.path == path) {
        None => Status::NotYet,
        Some(endpoint) if endpoint.without.is_some() => Status::Partly,
        Some(_) => Status::Works,
    }
}

/// Every documented path of the official API, folder by folder.
pub(crate) fn compatibility() -> String {
    let declared = declared();
    let paths = documented_paths();
    let count = |wanted| paths.iter().filter(|path| status(&declared, path) == wanted).count();
    let (works, partly) = (count(Status::Works), count(Status::Partly));
    let mut text = format!(
        "Of {} documented endpoints {works} work, {partly} work in part, and {} are not there yet.\n",
        paths.len(),
        count(Status::NotYet)
    );
    let is_in = |nouns: &[&str], path: &str| nouns.contains(&noun(path));
    for (title, nouns) in GROUPS {
        let own: Vec<&str> = paths.iter().copied().filter(|path| is_in(nouns, path)).collect();
        text.push_str(&group(title, &own, &declared));
    }
    let others = |path: &&str| !GROUPS.iter().any(|(_, nouns)| is_in(nouns, path));
    text.push_str(&group(REST, &paths.iter().copied().filter(others).collect::<Vec<_>>(), &declared));
    text.push_str(&in_part(&declared));
    text
}

fn group(title: &str, paths: &[&str], declared: &[EndpointInfo]) -> String {
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in paths {
        folders.entry(split(path).0).or_default().push(path);
    }
    let rows = folders.iter().map(|(folder, paths)| {
        let verbs = |wanted| {
            let found = paths.iter().filter(|path| status(declared, path) == wanted);
            code(&found.map(|path| split(path).1).collect::<Vec<_>>())
        };
        let cells = [Status::Works, Status::Partly, Status::NotYet].map(verbs);
        format!("| `{folder}` | {} |\n", cells.join(" | "))
    });
    format!("\n### {title}\n\n| | Works | In part | Not yet |\n|---|---|---|---|\n{}", rows.collect::<String>())
}

/// What is missing where something is.
fn in_part(declared: &[EndpointInfo]) -> String {
    let official = documented_paths();
    let partly = declared.iter().filter(|endpoint| official.contains(&endpoint.path));
    let rows = partly.filter_map(|endpoint| Some(format!("| `{}` | {} |\n", endpoint.path, endpoint.without?)));
    let rows: String = rows.collect();
    if rows.is_empty() {
        return rows;
    }
    format!("\n### In part\n\n| Endpoint | Without |\n|---|---|\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(path: &'static str, without: Option<&'static str>) -> EndpointInfo {
        let like = declared().into_iter().next().unwrap();
        EndpointInfo { path, without, ..like }
    }

    #[test]
    fn a_folder_is_said_once() {
        let endpoints = ["/a/get", "/a/list", "/a/b/get", "/a/b/list"].map(|path| endpoint(path, None));
        assert_eq!(paths(&endpoints), "`/a/get`, `list`, `/a/b/get`, `list`");
        assert_eq!(paths(&[endpoint("/health", None)]), "`/health`");
    }

    #[test]
    fn a_remark_says_for_what_it_goes() {
        assert_eq!(remarks(&[endpoint("/a/get", None)]), "");
        assert_eq!(remarks(&[endpoint("/a/get", Some("x")), endpoint("/a/list", Some("x"))]), ", without x");
        let some = [endpoint("/a/get", Some("x")), endpoint("/a/b/set", Some("y")), endpoint("/a/list", None)];
        assert_eq!(remarks(&some), "; `get` without x; `b/set` without y");
    }

    #[test]
    fn every_documented_path_is_in_the_table_once() {
        let table = compatibility();
        let mut found = Vec::new();
        for line in table.lines().take_while(|line| *line != "### In part").filter(|line| line.starts_with("| `")) {
            let words: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
            let (folder, verbs) = words.split_first().unwrap();
            found.extend(verbs.iter().map(|verb| format!("{folder}/{verb}")));
        }
        found.sort_unstable();
        assert_eq!(found, documented_paths());
    }

    #[test]
    fn every_declared_endpoint_is_in_a_row() {
        let table = endpoints();
        for endpoint in declared() {
            let (folder, verb) = split(endpoint.path);
            let is_there = |line: &str| line.contains(folder) && line.contains(&format!("{verb}`"));
            assert!(table.lines().any(is_there), "{}", endpoint.path);
        }
    }
}
