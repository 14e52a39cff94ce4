//! `/metrics`: what is counted, and that nobody is named. The official parser reads it in `e2e/python`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::json;

use crate::app::{SANDBOX, TestApp, eventually};
use crate::ask::Ask;

/// A page of figures, by name and labels.
struct Page(BTreeMap<String, f64>);

async fn fetched(app: &TestApp, accept: &str) -> (HeaderMap, String) {
    let service = TowerToHyperService::new(app.router());
    let request = Request::get("/metrics").header("accept", accept).body(Body::empty()).unwrap();
    let (parts, body) = service.call(request).await.unwrap().into_parts();
    assert_eq!(parts.status, 200);
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn page(app: &TestApp) -> Page {
    let (_, text) = fetched(app, "*/*").await;
    let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
    });
    let mut page = Page(BTreeMap::new());
    for (name, value) in samples {
        assert_eq!(page.0.insert(name.clone(), value), None, "{name} twice");
    }
    page
}

impl Page {
    fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// What was counted since `before`: each figure whose name begins so, if it moved.
    fn moved(&self, before: &Self, prefix: &str) -> Vec<(String, f64)> {
        let mine = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        let moved = mine.map(|(name, value)| (name.clone(), value - before.get(name)));
        moved.filter(|(_, by)| *by != 0.0).collect()
    }
}

fn once(name: &str) -> (String, f64) {
    (name.to_owned(), 1.0)
}

#[tokio::test]
async fn an_unlock_is_counted_once_with_its_stages() {
    let app = TestApp::start().await;
    let before = page(&app).await;
    assert_eq!(app.unlock(0).await["status"], "success");
    let after = page(&app).await;
    let accepted = [once(r#"thumbturn_attempts_accepted_total{driver="sandbox",action="UNLOCK_DOOR"}"#)];
    assert_eq!(after.moved(&before, "thumbturn_attempts_accepted"), accepted);
    let ended = r#"{driver="sandbox",action="UNLOCK_DOOR",status="success",outcome="confirmed"}"#;
    let ended = [once(&format!("thumbturn_attempts_ended_total{ended}"))];
    assert_eq!(after.moved(&before, "thumbturn_attempts_ended"), ended);
    let stage = |name| once(&format!(r#"thumbturn_attempt_stage_seconds_count{{driver="sandbox",stage="{name}"}}"#));
    let stages =
        ["accepted_to_ended", "accepted_to_turn", "turn_to_written", "written_to_answered", "written_to_reported"];
    assert_eq!(after.moved(&before, "thumbturn_attempt_stage_seconds_count"), stages.map(stage));
    let requests = after.moved(&before, r#"thumbturn_http_requests_total{path="/locks"#);
    assert_eq!(requests, [once(r#"thumbturn_http_requests_total{path="/locks/unlock_door",status="200"}"#)]);
    let [changes] = &after.moved(&before, r#"thumbturn_store_changes_total{result="written"}"#)[..] else { panic!() };
    assert!(changes.1 >= 2.0, "the acceptance and the end: {changes:?}");
    assert_eq!(after.get(r#"thumbturn_attempts_waiting{driver="sandbox"}"#), 0.0);
    assert_eq!(after.get(r#"thumbturn_locks{driver="sandbox"}"#), 10.0, "five of each tenant");
    let reads = after.get(r#"thumbturn_lock_reads_total{driver="sandbox",purpose="state"}"#);
    assert!(reads >= 10.0, "each was read after its connection: {reads}");
}

#[tokio::test]
async fn a_jam_is_counted_by_its_type() {
    let app = TestApp::start().await;
    app.set(0, json!({"faults": {"jam": 1}})).await;
    let before = page(&app).await;
    assert_eq!(app.unlock(0).await["error"]["type"], "lock_jammed");
    let after = page(&app).await;
    let ended = r#"{driver="sandbox",action="UNLOCK_DOOR",status="error",outcome="lock_jammed"}"#;
    let ended = [once(&format!("thumbturn_attempts_ended_total{ended}"))];
    assert_eq!(after.moved(&before, "thumbturn_attempts_ended"), ended);
}

#[tokio::test]
async fn the_times_of_stages_are_those_of_the_lock() {
    let app = TestApp::start().await;
    app.set(0, json!({"latency_ms": 120})).await;
    let before = page(&app).await;
    app.unlock(0).await;
    let after = page(&app).await;
    let sum = |stage| {
        let name = format!(r#"thumbturn_attempt_stage_seconds_sum{{driver="sandbox",stage="{stage}"}}"#);
        after.get(&name) - before.get(&name)
    };
    let (reported, whole) = (sum("written_to_reported"), sum("accepted_to_ended"));
    assert!((0.1..20.0).contains(&reported) && whole >= reported, "{reported} {whole}");
}

#[tokio::test]
async fn hub_sessions_are_counted_by_how_they_stand() {
    let app = TestApp::start().await;
    let stands =
        |page: &Page, state| page.get(&format!(r#"thumbturn_hub_sessions{{driver="sandbox",state="{state}"}}"#));
    let before = page(&app).await;
    assert_eq!((stands(&before, "connected"), stands(&before, "unreachable")), (2.0, 0.0));
    let account = json!({"connected_account_id": app.own.account});
    app.ok("/connected_accounts/simulate/disconnect", account.clone()).await;
    eventually("a session is counted as down", async || {
        let now = page(&app).await;
        let down = stands(&now, "unreachable") + stands(&now, "refused");
        (stands(&now, "connected") == 1.0 && down == 1.0).then_some(())
    })
    .await;
    app.ok("/connected_accounts/delete", account).await;
    eventually("a session that ended is not counted", async || {
        let now = page(&app).await;
        let states = ["connecting", "connected", "unreachable", "refused"];
        (states.iter().map(|state| stands(&now, state)).sum::<f64>() == 1.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_waits_is_counted_as_long_as_it_waits() {
    let app = TestApp::start().await;
    app.set(0, json!({"latency_ms": 400})).await;
    let waiting = async |held: f64, attempts: f64| {
        eventually("so many wait", async || {
            let now = page(&app).await;
            let counted = now.get(r#"thumbturn_attempts_waiting{driver="sandbox"}"#);
            (now.get("thumbturn_http_requests_held") == held && counted == attempts).then_some(())
        })
        .await;
    };
    let (answer, ()) = tokio::join!(app.unlock(0), waiting(1.0, 1.0));
    assert_eq!(answer["status"], "success");
    waiting(0.0, 0.0).await;
}

#[tokio::test]
async fn nobody_is_named_and_no_caller_makes_the_page_longer() {
    let app = TestApp::start().await;
    let token = "seam_test1x_canarycanarycanary";
    let strange = async |n: usize| {
        app.get(&format!("/foo/{token}{n}")).await;
        app.get(&format!("/devices/list?{token}{n}={n}")).await;
        app.send(Ask::new(http::Method::from_bytes(format!("X{n}").as_bytes()).unwrap(), "/devices/list")).await;
        app.get(&format!("/seam/webhooks/august/{token}{n}")).await;
        app.unlock(0).await;
    };
    strange(0).await;
    page(&app).await;
    // It shows the asking for itself, too, from the second time on.
    let before = page(&app).await.0.len();
    for n in 1..20 {
        strange(n).await;
    }
    let (_, text) = fetched(&app, "*/*").await;
    assert_eq!(page(&app).await.0.len(), before);
    let ids = [app.own.workspace, app.own.account, app.own.devices[0]].map(|id| id.to_string());
    for secret in ids.iter().map(String::as_str).chain([token, "canary", &app.own.api_key]) {
        assert!(!text.contains(secret), "{secret} is on the page");
    }
    assert!(text.contains(r#"thumbturn_http_requests_total{path="(unknown)",status="404"} 20"#), "{text}");
    assert!(text.contains(r#"thumbturn_http_requests_total{path="(not implemented)",status="501"} 20"#), "{text}");
}

#[tokio::test]
async fn both_formats_are_served_each_to_who_asks_for_it() {
    let app = TestApp::start().await;
    let (headers, text) = fetched(&app, "*/*").await;
    assert_eq!(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(text.contains("# TYPE thumbturn_attempts_ended_total counter\n") && !text.contains("# EOF"), "{text}");
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let (headers, text) = fetched(&app, accept).await;
    assert_eq!(headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(text.contains("# TYPE thumbturn_attempts_ended counter\n") && text.ends_with("# EOF\n"), "{text}");
    app.send(Ask::new(http::Method::DELETE, "/metrics")).await.assert_refused(405, "method_not_allowed");
}

#[tokio::test]
async fn the_process_shows_itself() {
    let app = TestApp::start().await;
    let page = page(&app).await;
    assert_eq!(page.get(&format!(r#"thumbturn_build_info{{version="{}"}}"#, env!("CARGO_PKG_VERSION"))), 1.0);
    let now = jiff::Timestamp::now().as_second() as f64;
    let started = page.get("process_start_time_seconds");
    assert!(now - started < Duration::from_secs(600).as_secs_f64() && started <= now + 1.0, "{started} {now}");
    if cfg!(target_os = "linux") {
        assert!(page.get("process_resident_memory_bytes") > 1e6);
        assert!(page.get("process_open_fds") > 3.0 && page.get("process_max_fds") >= page.get("process_open_fds"));
        assert!(page.0.contains_key("process_cpu_seconds_total"));
    }
    assert!(page.get("thumbturn_store_commit_seconds_count") > 0.0);
    assert!(page.get("thumbturn_store_queue_limit") > 0.0);
}

#[tokio::test]
async fn metrics_can_be_switched_off() {
    let app = TestApp::with(SANDBOX, &[("THUMBTURN_METRICS__ENABLED", "false")]).await;
    app.get("/metrics").await.assert_refused(404, "not_found");
}
