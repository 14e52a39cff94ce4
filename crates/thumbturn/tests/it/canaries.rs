//! Secrets are planted wherever the server takes any, and then looked for wherever it writes: logs in both formats,
//! error answers, metrics, database files; in clear and in every form in which one might be written by accident.

use std::path::Path;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use http::Method;
use serde_json::{Value, json};

use crate::app::eventually;
use crate::ask::{Ask, Reply};
use crate::program::{Server, fetched, place, run_reading};

/// Looks for secrets in any of their forms.
struct Search {
    forms: Vec<String>,
    finder: AhoCorasick,
}

impl Search {
    fn of(secrets: &[(&str, &str)]) -> Self {
        let forms = secrets.iter().flat_map(|(name, secret)| {
            let forms = forms(secret).into_iter();
            forms.map(move |(form, text)| (format!("{name}, {form}"), text))
        });
        let (forms, texts): (Vec<String>, Vec<String>) = forms.unzip();
        assert!(texts.iter().all(|text| text.len() >= 8), "a shorter one may be there by chance: {texts:?}");
        Self { forms, finder: AhoCorasick::builder().ascii_case_insensitive(true).build(texts).unwrap() }
    }

    /// What is found, by name and form.
    fn found(&self, within: &[u8]) -> Vec<&str> {
        let all = self.finder.find_overlapping_iter(within);
        let mut found: Vec<&str> = all.map(|found| self.forms[found.pattern().as_usize()].as_str()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn assert_none(&self, place: &str, within: &[u8]) {
        let found = self.found(within);
        assert!(found.is_empty(), "in {place}: {found:?}");
    }
}

/// A secret as it may be written. Letters are compared without their case, so that of hexadecimal does not matter.
fn forms(secret: &str) -> Vec<(String, String)> {
    let hex = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let numbers = secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    let mut forms = vec![("plain".to_owned(), secret.to_owned()), ("hexadecimal".to_owned(), hex)];
    forms.push(("a list of bytes".to_owned(), numbers));
    for offset in 0..3 {
        forms.push((format!("base64 after {offset}"), inner_base64(secret, offset, &STANDARD)));
        forms.push((format!("URL-safe base64 after {offset}"), inner_base64(secret, offset, &URL_SAFE)));
    }
    forms
}

/// The characters of base64 that depend on the secret alone, where it stands `offset` bytes after a multiple of three.
fn inner_base64(secret: &str, offset: usize, engine: &impl base64::Engine) -> String {
    let before = vec![0; offset];
    let text = engine.encode([before.as_slice(), secret.as_bytes()].concat());
    let (first, end) = ((offset * 8).div_ceil(6), (offset + secret.len()) * 8 / 6);
    text[first..end].to_owned()
}

#[test]
fn the_search_finds_each_form_and_nothing_else() {
    // The two alphabets of base64 differ in these at every offset.
    let secret = "canary>>>???>>>???";
    let search = Search::of(&[("it", secret)]);
    let hex = |upper: bool| -> String {
        secret.bytes().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect()
    };
    let mut written = vec![
        ("plain", secret.to_owned()),
        ("plain", secret.to_uppercase()),
        ("hexadecimal", hex(false)),
        ("hexadecimal", hex(true)),
        ("a list of bytes", format!("{:?}", secret.as_bytes())),
    ];
    let names = [
        ["base64 after 0", "URL-safe base64 after 0"],
        ["base64 after 1", "URL-safe base64 after 1"],
        ["base64 after 2", "URL-safe base64 after 2"],
    ];
    for before in 0..6 {
        let text = format!("{}{secret}xyz", "u".repeat(before));
        let [standard, url_safe] = names[before % 3];
        written.push((standard, STANDARD.encode(&text)));
        written.push((url_safe, URL_SAFE.encode(&text)));
    }
    for (form, text) in written {
        let line = format!("2026-01-01 INFO a line with {text} in it");
        assert_eq!(search.found(line.as_bytes()), [format!("it, {form}")], "{line}");
    }
    assert!(search.found("canary>>???".repeat(100).as_bytes()).is_empty());
}

const PIN: &str = "864297531";
const WRONG_PIN: &str = "975318642";
const BROKER_PASSWORD: &str = "broker-password-canary-7f3a";
const HUB_TOKEN: &str = "hub-token-canary-b61d";
const USER_KEY: &str = "user-identifier-canary-51c9";
const HEADER_USER_KEY: &str = "user-header-canary-e2b8";
const LOCK_KEY: &str = "idempotency-canary-lock-9d41";
const CALL_KEY: &str = "idempotency-canary-call-0c6e";
const STRAY: &str = "straycanary4qzt8wvk";

/// What the installation and the callers keep to themselves.
struct Planted {
    api_key: String,
    pat: String,
    publishable: String,
    session: String,
}

/// The half of a token that is a secret.
fn long(token: &str) -> &str {
    token.rsplit_once('_').unwrap().1
}

/// Sends a call; what it was answered, if that is an error.
async fn tell(server: &Server, errors: &mut Vec<u8>, ask: Ask) -> Reply {
    let reply = server.send(ask).await.expect("no answer");
    if reply.status != 200 {
        errors.extend(format!("{:?} {}\n", reply.headers, reply.body).bytes());
    }
    reply
}

/// Goes wherever secrets are taken, where they are right and where they are wrong.
async fn plant(server: &Server, folder: &str, errors: &mut Vec<u8>) -> Planted {
    let told = |name| server.told(name).unwrap();
    let (api_key, pat, publishable) = (told("API key"), told("personal access token"), told("publishable key"));
    let post = |path: &str, body: Value| Ask::post(path).bearer(&api_key).json(body);
    let device = server.devices(&api_key).await.remove(0);
    let target = json!({"device_id": device});

    let session = json!({"user_identifier_key": USER_KEY});
    let session = tell(server, errors, post("/client_sessions/create", session)).await.field("client_session");
    let session = session["token"].as_str().unwrap().to_owned();
    let by_user = Ask::post("/client_sessions/get_or_create").header("seam-publishable-key", &publishable);
    tell(server, errors, by_user.clone().header("seam-user-identifier-key", HEADER_USER_KEY).json(json!({}))).await;
    tell(server, errors, by_user.json(json!({"user_identifier_key": USER_KEY, "expires_at": STRAY}))).await;
    tell(server, errors, post("/client_sessions/create", json!({"user_identifier_key": USER_KEY}))).await;
    for path in ["/devices/list", "/connected_accounts/list", "/client_sessions/list"] {
        tell(server, errors, Ask::get(format!("{path}?user_identifier_key={USER_KEY}")).bearer(&api_key)).await;
    }

    for token in [&api_key, &pat, &session, &format!("seam_test1x_{STRAY}"), &format!("seam_at1x_{STRAY}"), STRAY] {
        for header in ["client-session-token", "seam-publishable-key", "seam-workspace", "authorization", "cookie"] {
            tell(server, errors, Ask::post("/devices/list").header(header, token).json(json!({}))).await;
            tell(server, errors, Ask::post("/client_sessions/get_or_create").header(header, token)).await;
        }
        tell(server, errors, Ask::get("/workspaces/list").bearer(token)).await;
        tell(server, errors, Ask::get(format!("/devices/get?api_key={token}&device_id=1")).bearer(token)).await;
        for path in ["/foo", "/seam/webhooks/august", "/devices/list", "/metrics", "/docs"] {
            tell(server, errors, Ask::get(format!("{path}/{token}"))).await;
        }
    }
    let method = Method::from_bytes(STRAY.as_bytes()).unwrap();
    tell(server, errors, Ask::new(method, "/devices/list")).await;

    for key in [LOCK_KEY, &format!("{LOCK_KEY}{}", "x".repeat(250))] {
        tell(server, errors, post("/locks/unlock_door", target.clone()).header("idempotency-key", key)).await;
        tell(server, errors, post("/locks/unlock_door", json!({})).header("idempotency-key", key)).await;
    }
    let other = post("/locks/unlock_door", json!({"device_id": device, "sync": true}));
    tell(server, errors, other.header("idempotency-key", LOCK_KEY))
        .await
        .assert_refused(409, "idempotency_key_conflict");
    for name in ["one", "one", "two"] {
        let made = post("/spaces/create", json!({"name": name})).header("idempotency-key", CALL_KEY);
        tell(server, errors, made).await;
    }

    for code in [json!(PIN), json!(WRONG_PIN), json!("1234"), json!([PIN]), json!({"a": PIN})] {
        let body = json!({"device_id": device, "action": "keypad", "code": code});
        tell(server, errors, post("/thumbturn/sandbox/locks/act", body)).await;
        let body = json!({"device_id": device, "code": code});
        tell(server, errors, post("/locks/simulate/keypad_code_entry", body)).await;
    }

    let hubs = [
        json!({"url": "mqtt://127.0.0.1:1", "username": "u", "password": BROKER_PASSWORD}),
        json!({"url": format!("mqtt://u:{BROKER_PASSWORD}@127.0.0.1:1")}),
        json!({"url": "mqtts://127.0.0.1:1", "username": "u", "password": [BROKER_PASSWORD]}),
        json!({"url": "127.0.0.1", "username": "u", "password": BROKER_PASSWORD}),
    ];
    for config in hubs {
        let body = json!({"provider": "mqtt", "config": config});
        tell(server, errors, post("/thumbturn/connected_accounts/create", body)).await;
        tell(
            server,
            errors,
            post("/thumbturn/connected_accounts/create", json!({"provider": "matter", "config": config})),
        )
        .await;
    }
    for config in [
        json!({"url": "http://127.0.0.1:1", "token": HUB_TOKEN}),
        json!({"url": format!("http://u:{HUB_TOKEN}@127.0.0.1:1"), "token": HUB_TOKEN}),
        json!({"url": "http://127.0.0.1:1", "token": [HUB_TOKEN]}),
        json!({"url": "http://127.0.0.1:1", "token": format!("{HUB_TOKEN} {HUB_TOKEN}")}),
        json!({"url": "127.0.0.1", "token": HUB_TOKEN, "reads": HUB_TOKEN}),
    ] {
        let body = json!({"provider": "home_assistant", "config": config});
        tell(server, errors, post("/thumbturn/connected_accounts/create", body)).await;
    }
    let config = json!({"url": "mqtt://127.0.0.1:2", "username": "u", "password": BROKER_PASSWORD}).to_string();
    let add = ["hubs", "add", "--provider", "mqtt", "--data-dir", folder, "--hub-config-file", "-"];
    errors.extend(format!("{:?}", run_reading(&add, &config)).bytes());

    let broken = format!("{{\"code\": \"{STRAY}\", \"password\": \"{BROKER_PASSWORD}\"");
    for path in ["/locks/unlock_door", "/thumbturn/connected_accounts/create", "/client_sessions/create"] {
        let ask = || Ask::post(path).bearer(&api_key);
        tell(server, errors, ask().header("content-type", "application/json").raw(broken.clone())).await;
        tell(server, errors, ask().header("content-type", STRAY).raw(broken.clone())).await;
        tell(server, errors, ask().json(json!([STRAY]))).await;
        tell(server, errors, ask().json(json!({"token": STRAY, "device_id": device}))).await;
        tell(server, errors, ask().raw(STRAY.repeat(100_000))).await;
    }
    Planted { api_key, pat, publishable, session }
}

fn search_files(search: &Search, folder: &Path) -> usize {
    let mut searched = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(thumbturn_store::DATABASE_FILE)) {
            search.assert_none(&path.display().to_string(), &std::fs::read(&path).unwrap());
            searched += 1;
        }
    }
    searched
}

#[tokio::test]
async fn no_secret_is_written_in_any_form_to_any_place() {
    for format in ["text", "json"] {
        let place = place();
        let mut server = Server::start(&place.data, &[("THUMBTURN_LOG", "trace"), ("THUMBTURN_LOG__FORMAT", format)]);
        let folder = place.data.display().to_string();
        let mut errors = Vec::new();
        let planted = plant(&server, &folder, &mut errors).await;
        eventually("the hub that is not there was tried", async || {
            let log = std::fs::read_to_string(&server.log).unwrap();
            log.contains("a hub is not connected").then_some(())
        })
        .await;
        let (status, metrics) = fetched(&server.address, "/metrics").await;
        assert_eq!(status, 200);

        let secrets = [
            ("API key", long(&planted.api_key)),
            ("personal access token", long(&planted.pat)),
            ("client session token", long(&planted.session)),
            ("PIN", PIN),
            ("wrong PIN", WRONG_PIN),
            ("broker password", BROKER_PASSWORD),
            ("hub token", HUB_TOKEN),
            ("user identifier key", USER_KEY),
            ("user identifier key in a header", HEADER_USER_KEY),
            ("idempotency key of a lock action", LOCK_KEY),
            ("idempotency key of another call", CALL_KEY),
            ("stray token", STRAY),
        ];
        let search = Search::of(&secrets);
        assert!(!errors.is_empty() && String::from_utf8_lossy(&metrics).contains("thumbturn_http_requests_total"));
        search.assert_none("error answers", &errors);
        search.assert_none("metrics", &metrics);
        assert!(search_files(&search, &place.data) >= 2, "the database and its log");
        server.signal("TERM");
        assert_eq!(server.wait(), Some(0));
        assert!(search_files(&search, &place.data) >= 1);
        // What a browser carries is no secret, and kept in clear; it has no place in a log all the same.
        let publishable = ("publishable key", long(&planted.publishable));
        let search = Search::of(&[&secrets[..], &[publishable]].concat());
        let log = std::fs::read(&server.log).unwrap();
        assert!(String::from_utf8_lossy(&log).contains("/thumbturn/sandbox/locks/act"), "nothing was logged");
        search.assert_none("the log", &log);
        search.assert_none("error answers", &errors);
    }
}
