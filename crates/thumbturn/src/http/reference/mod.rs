//! The API as a page to read, at `/docs`: made from the same declarations as `/openapi.json`. It loads nothing and runs no
//! script.

mod example;
mod parameters;
mod prose;
mod shapes;

use askama::Template;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use thumbturn_api::{Credential, EndpointInfo, ErrorType, Rule};

use self::parameters::Parameter;
use self::prose::{Piece, paragraphs, pieces};
use self::shapes::Answered;

const STYLE: &str = include_str!("../../../templates/reference.css");

/// The page, ready to be answered.
#[derive(Clone)]
pub struct Reference {
    text: Bytes,
    policy: HeaderValue,
}

impl Reference {
    /// The page of a server at `url`.
    ///
    /// # Errors
    /// If the template cannot be filled in.
    pub fn new(url: &str) -> Result<Self, askama::Error> {
        let document = thumbturn_api::openapi::document(url);
        let endpoints = thumbturn_api::endpoints();
        let page = Page {
            version: env!("CARGO_PKG_VERSION"),
            url,
            style: STYLE,
            nouns: nouns(url, &endpoints, &document),
            resources: resources(&document),
            anywhere: ErrorType::ANYWHERE.iter().map(|error| error.as_str()).collect(),
            errors: ErrorType::ALL.iter().copied().map(Failing::of).collect(),
        };
        Ok(Self { text: page.render()?.into(), policy: policy() })
    }

    /// The answer with the page.
    pub(crate) fn respond(&self) -> Response {
        const NO_SNIFF: (HeaderName, HeaderValue) =
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        let cache = HeaderValue::from_static("public, max-age=300");
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, cache),
            (header::CONTENT_SECURITY_POLICY, self.policy.clone()),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            NO_SNIFF,
        ];
        (headers, self.text.clone()).into_response()
    }
}

/// Nothing is loaded, nothing runs, nobody frames the page; the one style sheet is known by its hash.
fn policy() -> HeaderValue {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let text = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

#[derive(Template)]
#[template(path = "reference.html")]
struct Page<'a> {
    version: &'static str,
    url: &'a str,
    style: &'static str,
    nouns: Vec<Noun>,
    resources: Vec<Resource>,
    anywhere: Vec<&'static str>,
    errors: Vec<Failing>,
}

/// The endpoints below one first segment of a path.
struct Noun {
    name: &'static str,
    is_ours: bool,
    endpoints: Vec<Told>,
}

/// An endpoint as it is told.
struct Told {
    path: &'static str,
    anchor: String,
    methods: String,
    credentials: Vec<&'static str>,
    changes: bool,
    description: Vec<Vec<Piece>>,
    /// What is not done yet.
    without: Option<Vec<Piece>>,
    parameters: Vec<Parameter>,
    rules: Vec<String>,
    answer: Vec<Answered>,
    streams: bool,
    errors: Vec<&'static str>,
    example: String,
}

struct Resource {
    name: String,
    description: Vec<Vec<Piece>>,
    fields: Vec<Answered>,
}

struct Failing {
    code: &'static str,
    status: u16,
    description: Vec<Piece>,
}

impl Failing {
    fn of(error: ErrorType) -> Self {
        let description = pieces(&error.description());
        Self { code: error.as_str(), status: error.status().as_u16(), description }
    }
}

/// In order of their names, what is ours alone last.
fn nouns(url: &str, endpoints: &[EndpointInfo], document: &Value) -> Vec<Noun> {
    let mut nouns: Vec<Noun> = Vec::new();
    for endpoint in endpoints {
        let name = endpoint.path.split('/').nth(1).unwrap_or_default();
        let told = told(url, endpoint, document);
        match nouns.iter_mut().find(|noun| noun.name == name) {
            Some(noun) => noun.endpoints.push(told),
            None => nouns.push(Noun { name, is_ours: name == "thumbturn", endpoints: vec![told] }),
        }
    }
    nouns.sort_by_key(|noun| (noun.is_ours, noun.name));
    nouns
}

fn told(url: &str, endpoint: &EndpointInfo, document: &Value) -> Told {
    let methods: Vec<&str> = endpoint.methods.iter().map(http::Method::as_str).collect();
    let method = endpoint.semantic_method().as_str().to_lowercase();
    let operation = &document["paths"][endpoint.path][method];
    Told {
        path: endpoint.path,
        anchor: endpoint.path.trim_start_matches('/').replace('/', "-"),
        methods: methods.join(", "),
        credentials: endpoint.auth.iter().copied().map(credential).collect(),
        changes: endpoint.changes,
        description: paragraphs(&endpoint.description),
        without: endpoint.without.map(pieces),
        parameters: parameters::rows(endpoint.params),
        rules: endpoint.rules.iter().copied().map(rule).collect(),
        answer: shapes::rows(&operation["responses"]["200"]["content"]["application/json"]["schema"]),
        streams: endpoint.streams,
        errors: endpoint.possible_errors().into_iter().map(ErrorType::as_str).collect(),
        example: example::curl(url, endpoint),
    }
}

fn resources(document: &Value) -> Vec<Resource> {
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    let told = schemas.map(|(name, schema)| Resource {
        name: name.clone(),
        description: paragraphs(schema["description"].as_str().unwrap_or_default()),
        fields: shapes::rows(schema),
    });
    told.collect()
}

const fn credential(credential: Credential) -> &'static str {
    match credential {
        Credential::ApiKey => "API key",
        Credential::PatWithWorkspace => "personal access token with seam-workspace",
        Credential::PatWithoutWorkspace => "personal access token",
        Credential::ClientSession => "client session token",
        Credential::PublishableKey => "publishable key",
        Credential::Public => "none needed",
    }
}

fn rule(rule: Rule) -> String {
    match rule {
        Rule::AtLeastOne(names) => format!("At least one of {} has to be given.", names.join(", ")),
        Rule::AtMostOne(names) => format!("Not more than one of {} may be given.", names.join(", ")),
        Rule::ExactlyOne(names) => format!("Exactly one of {} has to be given.", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_leave_its_place() {
        let page = Reference::new("http://x.test/'\"><script>alert(1)</script>").unwrap();
        let text = std::str::from_utf8(&page.text).unwrap();
        assert!(text.contains("alert(1)") && !text.contains("<script"));
    }
}
