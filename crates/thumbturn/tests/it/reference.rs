//! The page at `/docs`: whole, quiet, and its examples work.

use std::collections::HashMap;
use std::process::Command;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use scraper::{ElementRef, Html, Selector};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use thumbturn_api::{ErrorType, endpoints};
use uuid::Uuid;

use crate::app::{PUBLIC_URL, TestApp};
use crate::ask::{Ask, Reply};

async fn fetched(app: &TestApp, path: &str) -> (StatusCode, HeaderMap, String) {
    let service = TowerToHyperService::new(app.router());
    let answer = service.call(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn page(app: &TestApp) -> Html {
    Html::parse_document(&fetched(app, "/docs").await.2)
}

fn all<'a>(within: ElementRef<'a>, selector: &str) -> Vec<ElementRef<'a>> {
    let selector = Selector::parse(selector).unwrap();
    within.descendants().filter_map(ElementRef::wrap).filter(|element| selector.matches(element)).collect()
}

fn text(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().trim().to_owned()
}

/// The section of the endpoint at `path`.
fn section<'a>(page: &'a Html, path: &str) -> ElementRef<'a> {
    let of_path = |section: &ElementRef<'_>| all(*section, "h3").iter().any(|heading| text(*heading) == path);
    all(page.root_element(), "section").into_iter().find(of_path).unwrap_or_else(|| panic!("{path} is not on the page"))
}

fn example(page: &Html, path: &str) -> String {
    text(all(section(page, path), "pre code")[0])
}

#[tokio::test]
async fn the_page_is_whole_and_public() {
    let app = TestApp::start().await;
    let (status, headers, html) = fetched(&app, "/docs").await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (StatusCode::OK, "text/html; charset=utf-8"));
    let page = Html::parse_document(&html);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    let mut ids: Vec<&str> =
        all(page.root_element(), "[id]").iter().map(|element| element.attr("id").unwrap()).collect();
    for link in all(page.root_element(), "a") {
        let target = link.attr("href").unwrap();
        let leads = target == "/openapi.json" || target.strip_prefix('#').is_some_and(|id| ids.contains(&id));
        assert!(leads, "{target} leads nowhere");
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id is there once");

    assert_eq!(fetched(&app, "/docs/").await.2, html);
    let (status, ..) = fetched(&app, "/docs/more").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    app.send(Ask::new(http::Method::DELETE, "/docs")).await.assert_refused(405, "method_not_allowed");
}

#[tokio::test]
async fn every_endpoint_is_there_with_all_that_is_declared() {
    let app = TestApp::start().await;
    let page = page(&app).await;
    let navigation = text(all(page.root_element(), "nav")[0]);
    for endpoint in endpoints() {
        assert!(navigation.contains(endpoint.path), "{}", endpoint.path);
        let section = section(&page, endpoint.path);
        let facts: Vec<String> = all(section, "dd").into_iter().map(text).collect();
        let methods: Vec<&str> = endpoint.methods.iter().map(http::Method::as_str).collect();
        assert_eq!(facts[0], methods.join(", "));
        assert_eq!(facts[1].split(", ").count(), endpoint.auth.len(), "{}: {facts:?}", endpoint.path);
        let first_line = endpoint.description.lines().next().unwrap().replace('`', "");
        assert!(text(section).contains(&first_line), "{}: {first_line}", endpoint.path);
        let without = endpoint.without.unwrap_or_default();
        assert!(text(section).contains(without), "{}: {without}", endpoint.path);
        let names: Vec<String> = all(section, "td:first-child").into_iter().map(text).collect();
        for parameter in endpoint.params {
            let row = all(section, "tr").into_iter().find(|row| text(all(*row, "td, th")[0]) == parameter.name);
            let cells = all(row.unwrap_or_else(|| panic!("{} has no {}", endpoint.path, parameter.name)), "td");
            assert_eq!(text(cells[2]), if parameter.required { "yes" } else { "no" });
            let default = parameter.default.as_ref().map(ToString::to_string).unwrap_or_default();
            assert_eq!(text(cells[3]), default, "{} {}", endpoint.path, parameter.name);
        }
        assert_eq!(text(section).contains("text/event-stream"), endpoint.streams, "{}", endpoint.path);
        let ok = if endpoint.streams { None } else { Some(&"ok") };
        for key in endpoint.response_keys.iter().chain(ok) {
            assert!(names.iter().any(|name| name == key), "{} does not answer {key}", endpoint.path);
        }
        for error in endpoint.possible_errors() {
            assert!(text(section).contains(error.as_str()), "{} {}", endpoint.path, error.as_str());
        }
    }
    let words = text(page.root_element());
    for error in ErrorType::ALL {
        assert!(words.contains(error.as_str()));
    }
}

#[tokio::test]
async fn the_page_loads_nothing_and_runs_nothing() {
    let app = TestApp::start().await;
    let (_, headers, html) = fetched(&app, "/docs").await;
    let page = Html::parse_document(&html);
    let banned = "script, link, img, iframe, object, embed, video, audio, form, base, [style], [src], [srcset]";
    let found: Vec<String> = all(page.root_element(), banned).iter().map(ElementRef::html).collect();
    assert!(found.is_empty(), "{found:?}");
    for element in page.root_element().descendants().filter_map(ElementRef::wrap) {
        let acts = element.value().attrs().find(|(name, value)| {
            name.starts_with("on")
                || (*name == "href" && !value.starts_with(['#', '/']))
                || value.contains("javascript:")
        });
        assert_eq!(acts, None);
    }
    let styles = all(page.root_element(), "style");
    assert_eq!(styles.len(), 1);
    let style: String = styles[0].text().collect();
    for loading in ["url(", "@import", "http:", "https:"] {
        assert!(!style.contains(loading), "{loading}");
    }
    assert!(style.contains("prefers-color-scheme: dark"));

    let policy = headers["content-security-policy"].to_str().unwrap();
    let hash = STANDARD.encode(Sha256::digest(&style));
    let parts: Vec<&str> = policy.split("; ").collect();
    assert!(parts.contains(&"default-src 'none'"), "{policy}");
    assert!(parts.contains(&format!("style-src 'sha256-{hash}'").as_str()), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
    assert_eq!(headers["x-content-type-options"], "nosniff");
}

/// What `curl` would be called with, as a shell reads the example.
fn words(example: &str, variables: &HashMap<String, String>) -> Vec<String> {
    let script = format!("curl() {{ printf '%s\\0' \"$@\"; }}\n{example}");
    let output = Command::new("sh").args(["-euc", &script]).envs(variables).output().unwrap();
    assert!(output.status.success(), "{example}: {output:?}");
    let words = String::from_utf8(output.stdout).unwrap();
    words.split_terminator('\0').map(str::to_owned).collect()
}

/// The request that these words make `curl` send.
fn asked(words: &[String]) -> Ask {
    let mut words = words.iter().map(String::as_str);
    let (mut url, mut method, mut headers, mut body) = ("", "GET", Vec::new(), "");
    while let Some(word) = words.next() {
        match word {
            "-sS" => {}
            "-X" => method = words.next().unwrap(),
            "-H" => headers.push(words.next().unwrap().split_once(": ").unwrap()),
            "-d" => body = words.next().unwrap(),
            other => url = other,
        }
    }
    let path = url.strip_prefix(PUBLIC_URL).unwrap_or_else(|| panic!("{url} is another server"));
    let ask = Ask::new(method.parse().unwrap(), path).raw(body);
    headers.into_iter().fold(ask, |ask, (name, value)| ask.header(&name.to_lowercase(), value))
}

async fn run(app: &TestApp, example: &str) -> Reply {
    let mut variables = HashMap::from([
        ("KEY".to_owned(), app.own.api_key.clone()),
        ("TOKEN".to_owned(), app.pat.clone()),
        ("DEVICE_ID".to_owned(), app.own.devices[0].to_string()),
        ("CONNECTED_ACCOUNT_ID".to_owned(), app.own.account.to_string()),
    ]);
    let named = example.split('$').skip(1).map(|rest| rest.split('"').next().unwrap());
    for name in named {
        variables.entry(name.to_owned()).or_insert_with(|| Uuid::new_v4().to_string());
    }
    app.send(asked(&words(example, &variables))).await
}

#[tokio::test]
async fn the_example_of_an_unlock_unlocks() {
    let app = TestApp::start().await;
    let page = page(&app).await;
    let attempt = run(&app, &example(&page, "/locks/unlock_door")).await.field("action_attempt");
    assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}));
    assert_eq!(app.physical(0).await["commands"], 1);
}

/// Nothing is missing in an example: what is refused is refused for what the made-up ids stand for.
#[tokio::test]
async fn every_example_is_understood() {
    let app = TestApp::start().await;
    let page = page(&app).await;
    for endpoint in endpoints() {
        let reply = run(&app, &example(&page, endpoint.path)).await;
        let kind = reply.body["error"]["type"].as_str().unwrap_or("none");
        let wrong = ["invalid_input", "invalid_content_type", "unauthorized", "not_found", "method_not_allowed"];
        assert!(!wrong.contains(&kind), "{}: {:#}", endpoint.path, reply.body);
    }
}
