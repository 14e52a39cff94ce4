//! The outer form of answers and the order in which a request is judged.

use axum::body::Body;
use http::{HeaderValue, Method, Request, StatusCode};
use serde_json::{Value, json};
use thumbturn_api::{OFFICIAL_PATHS, endpoints};

use crate::app::{SANDBOX, TestApp};
use crate::ask::{Ask, redacted};

fn options(uri: &str) -> Ask {
    Ask::new(Method::OPTIONS, uri)
}

#[tokio::test]
async fn a_call_may_come_by_post_or_by_the_semantic_method_with_query_or_body() {
    let app = TestApp::start().await;
    let id = app.own.devices[0];
    let key = &app.own.api_key;
    let expected = app.device(0).await;
    for ask in [
        Ask::get(format!("/devices/get?device_id={id}&_strict=true")),
        Ask::get(format!("/devices/get?device_id={id}")),
        Ask::get("/devices/get").json(app.own.device()),
        Ask::get("/devices/get").raw(app.own.device().to_string()),
        Ask::get("/devices/get?device_id=overruled").json(app.own.device()),
        Ask::post(format!("/devices/get?device_id={id}")),
        Ask::post(format!("/devices/get?device_id={id}")).header("content-type", "application/x-www-form-urlencoded"),
        Ask::post("/devices/get").json(app.own.device()),
        Ask::post("/devices/get?device_id=overruled").json(app.own.device()),
        Ask::get("/devices/get?name=Front+Door&_strict=true"),
        Ask::get("/devices/get?name=Front%20Door"),
    ] {
        assert_eq!(app.send(ask.bearer(key)).await.field("device"), expected);
    }
    for method in [Method::PATCH, Method::POST] {
        let body = json!({"device_id": id, "name": "Porch"});
        let answer = app.send(Ask::new(method, "/devices/update").bearer(key).json(body)).await;
        assert_eq!(answer.body, json!({"ok": true}));
    }
    let gone = uuid::Uuid::new_v4();
    for ask in [
        Ask::new(Method::DELETE, format!("/connected_accounts/delete?connected_account_id={gone}&_strict=true")),
        Ask::new(Method::DELETE, "/connected_accounts/delete").json(json!({"connected_account_id": gone})),
        Ask::post("/connected_accounts/delete").json(json!({"connected_account_id": gone})),
    ] {
        app.send(ask.bearer(key)).await.assert_refused(404, "connected_account_not_found");
    }
}

#[tokio::test]
async fn an_empty_body_is_an_empty_object_whatever_its_type() {
    let app = TestApp::start().await;
    for kind in ["application/x-www-form-urlencoded", "application/json", "text/plain", "nonsense"] {
        for body in ["", " \r\n"] {
            let ask = Ask::post("/devices/list").bearer(&app.own.api_key).header("content-type", kind).raw(body);
            let devices = app.send(ask.header("content-length", "0")).await.field("devices");
            assert_eq!(devices.as_array().unwrap().len(), 5);
        }
    }
    let devices = app.send(Ask::post("/devices/list").bearer(&app.own.api_key)).await.field("devices");
    assert_eq!(devices.as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_strict_query_means_what_an_official_client_sent() {
    let app = TestApp::start().await;
    let [a, b] = [app.own.devices[0], app.own.devices[1]];
    let found = async |query: &str| {
        let answer = app.get(&format!("/devices/list?{query}")).await;
        match answer.status {
            StatusCode::OK => answer.field("devices").as_array().unwrap().len().to_string(),
            _ => answer.refusal().1.to_owned(),
        }
    };
    app.ok("/devices/update", json!({"device_id": a, "custom_metadata": {"vip": true, "floor": "2"}})).await;
    for (query, expected) in [
        (format!("device_ids={a}&device_ids={b}&limit=20&_strict=true"), "2"),
        (format!("device_ids={a}&_strict=true"), "1"),
        ("device_ids=&_strict=true".to_owned(), "0"),
        ("device_ids=".to_owned(), "0"),
        (format!("device_ids={a},{b}&_strict=true"), "invalid_input"),
        (format!("device_ids={a},{b}"), "2"),
        (format!("device_ids[]={a}&device_ids[]={b}"), "2"),
        (format!("device_ids[]={a}&device_ids[]={b}&_strict=true"), "5"),
        (format!("device_ids={a},{b}&device_ids[]={a}"), "invalid_query_params"),
        (format!("device_ids[]={a},{b}"), "invalid_query_params"),
        (format!("device_ids[0]={a}"), "invalid_query_params"),
        (format!("device_ids={a}&device_ids="), "invalid_query_params"),
        ("limit=2&limit=3".to_owned(), "invalid_query_params"),
        ("limit=%202%20".to_owned(), "2"),
        ("limit=%202%20&_strict=true".to_owned(), "invalid_input"),
        ("limit=many".to_owned(), "invalid_input"),
        ("limit=0".to_owned(), "invalid_input"),
        ("limit=&_strict=true".to_owned(), "5"),
        ("page_cursor=&_strict=true".to_owned(), "5"),
        ("custom_metadata_has.vip=true&_strict=true".to_owned(), "1"),
        ("custom_metadata_has.vip=true&custom_metadata_has.floor=3&_strict=true".to_owned(), "0"),
        ("custom_metadata_has.vip=&_strict=true".to_owned(), "4"),
        ("custom_metadata_has=&custom_metadata_has.vip=1".to_owned(), "invalid_query_params"),
        ("custom_metadata_has.a.b=1".to_owned(), "invalid_query_params"),
        ("created_before=2024-01-01T00%3A00%3A00.000Z&_strict=true".to_owned(), "0"),
        ("created_before=2124-01-01T01%3A00%3A00%2B01%3A00".to_owned(), "5"),
        ("created_before=soon".to_owned(), "invalid_input"),
        ("nothing_known=1&_strict=true".to_owned(), "5"),
        ("_strict=yes&limit=%202".to_owned(), "2"),
    ] {
        assert_eq!(found(&query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused_in_the_envelope() {
    let app = TestApp::start().await;
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let deep_object = format!("{}1{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
    for body in
        ["{", "nonsense", "[]", "null", "\"text\"", "{\"a\": \u{1}}", "{} {}", "\u{feff}{}", &deep, &deep_object]
    {
        for path in ["/locks/unlock_door", "/devices/list", "/health"] {
            let ask = Ask::post(path).bearer(&app.own.api_key).header("content-type", "application/json").raw(body);
            app.send(ask).await.assert_refused(400, "invalid_input");
        }
    }
    let not_text = Ask::post("/devices/list").bearer(&app.own.api_key).header("content-type", "application/json");
    app.send(not_text.raw(b"{\"search\": \"\xff\"}".to_vec())).await.assert_refused(400, "invalid_input");
    for (method, path) in [
        (Method::POST, "/locks/unlock_door"),
        (Method::PATCH, "/devices/update"),
        (Method::PUT, "/client_sessions/create"),
    ] {
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
            let ask = Ask::new(method.clone(), path).bearer(&app.own.api_key).header("content-type", kind).raw("{}");
            app.send(ask).await.assert_refused(400, "invalid_content_type");
        }
        let bare = Ask::new(method, path).bearer(&app.own.api_key).raw("{}");
        app.send(bare).await.assert_refused(400, "invalid_content_type");
    }
}

#[tokio::test]
async fn a_body_beyond_one_mebibyte_is_refused_announced_or_not() {
    const MIB: usize = 1024 * 1024;
    let app = TestApp::start().await;
    let sized = |size: usize| {
        let padding = "x".repeat(size - r#"{"search":""}"#.len());
        format!(r#"{{"search":"{padding}"}}"#)
    };
    let ask = |body: String| Ask::post("/devices/list").bearer(&app.own.api_key).raw(body);
    for (body, announced, status) in [
        (sized(MIB), true, 200),
        (sized(MIB), false, 200),
        (sized(MIB + 1), true, 413),
        (sized(MIB + 1), false, 413),
        (sized(4 * MIB), false, 413),
    ] {
        let length = body.len().to_string();
        let mut ask = ask(body).header("content-type", "application/json");
        if announced {
            ask = ask.header("content-length", &length);
        }
        let answer = app.send(ask).await;
        assert_eq!(answer.status, status, "{length} announced: {announced}");
        if status == 413 {
            answer.assert_refused(413, "payload_too_large");
        }
    }
    let lying = ask("{}".to_owned()).header("content-type", "application/json").header("content-length", "99999999");
    app.send(lying).await.assert_refused(413, "payload_too_large");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let app = TestApp::start().await;
    let chunks = futures::stream::iter([Ok(&b"{\"device_id\": "[..]), Err(std::io::Error::other("cut"))]);
    let mut request = Ask::post("/locks/unlock_door").bearer(&app.own.api_key).json(json!({})).into_http();
    *request.body_mut() = Body::from_stream(chunks);
    app.send_http(Method::POST, request).await.assert_refused(400, "invalid_input");
}

#[tokio::test]
async fn credentials_come_before_the_method_and_the_method_before_the_input() {
    let app = TestApp::start().await;
    for endpoint in endpoints() {
        let served = endpoint.methods.contains(&Method::DELETE);
        let wrong = if served { Method::PATCH } else { Method::DELETE };
        let public = endpoint.path.starts_with("/health");
        if !public {
            let ask = Ask::new(wrong.clone(), endpoint.path).raw("nonsense");
            app.send(ask).await.assert_refused(401, "unauthorized");
        }
        let ask = Ask::new(wrong, endpoint.path).bearer(app.opens(&endpoint)).raw("nonsense");
        let answer = app.send(ask).await;
        answer.assert_refused(405, "method_not_allowed");
        let served: Vec<&str> = endpoint.methods.iter().map(Method::as_str).collect();
        assert_eq!(answer.body["error"]["message"], format!("only {} accepted", served.join(",")));
        assert_eq!(answer.header("allow"), Some(&*served.join(", ")), "{}", endpoint.path);
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let app = TestApp::start().await;
    let head = |uri: &str| Ask::new(Method::HEAD, uri).bearer(&app.own.api_key);
    assert_eq!(app.send(head("/devices/list")).await.status, 200);
    assert_eq!(app.send(head("/health/live")).await.status, 200);
    assert_eq!(app.send(head("/devices/get")).await.status, 400);
    assert_eq!(app.send(head("/locks/unlock_door")).await.status, 405);
    assert_eq!(app.send(Ask::new(Method::HEAD, "/devices/list")).await.status, 401);
    assert_eq!(app.send(head("/nowhere")).await.status, 404);
}

#[tokio::test]
async fn each_official_path_is_served_or_not_implemented_and_any_other_unknown() {
    let app = TestApp::start().await;
    let served: Vec<&str> = endpoints().iter().map(|endpoint| endpoint.path).collect();
    for path in OFFICIAL_PATHS.iter().copied().chain(["/media/get", "/seam/webhooks/august/42"]) {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = app.send(Ask::new(method, path.replace(['[', ']'], ""))).await;
            if served.contains(&path) {
                assert!([401, 405].contains(&answer.status.as_u16()), "{path}");
            } else {
                answer.assert_refused(501, "not_implemented");
            }
        }
    }
    for path in ["/", "/locks", "/locks/unlock_door/", "//locks/unlock_door", "/Locks/list", "/locks/list%00", "/%ff"] {
        app.send(Ask::post(path).bearer(&app.own.api_key)).await.assert_refused(404, "not_found");
    }
    for path in served {
        assert!(app.app.routes().find(path).is_some(), "{path} is declared and not served");
    }
    assert_eq!(app.app.routes().paths().count(), endpoints().len(), "something is served that is not declared");
}

#[tokio::test]
async fn any_origin_may_call_and_is_echoed() {
    let app = TestApp::start().await;
    let origin = "https://app.example";
    let preflight = options("/locks/unlock_door")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "client-session-token, content-type, idempotency-key");
    let answers = [
        app.send(preflight).await,
        app.send(Ask::post("/locks/unlock_door").header("origin", origin)).await,
        app.send(Ask::get("/devices/list").bearer(&app.own.api_key).header("origin", origin)).await,
        app.send(Ask::get("/nowhere").header("origin", origin)).await,
    ];
    assert_eq!(answers.each_ref().map(|answer| answer.status.as_u16()), [200, 401, 200, 404]);
    for answer in &answers {
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("access-control-allow-methods"), Some("GET, POST, PUT, PATCH, DELETE, OPTIONS"));
        assert_eq!(answer.header("vary"), Some("Origin"));
        assert!(answer.header("access-control-expose-headers").unwrap().contains("seam-request-id"));
        let allowed = answer.header("access-control-allow-headers").unwrap();
        for name in [
            "authorization",
            "client-session-token",
            "content-type",
            "seam-client-session-token",
            "seam-lts-version",
            "seam-publishable-key",
            "seam-sdk-name",
            "seam-sdk-version",
            "seam-user-identifier-key",
            "seam-workspace",
            "idempotency-key",
            "prefer",
        ] {
            assert!(allowed.split(", ").any(|listed| listed == name), "{name}");
        }
    }
    let without = app.send(options("/locks/unlock_door")).await;
    assert_eq!(without.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn origins_can_be_restricted() {
    let origins = [("THUMBTURN_CORS__ALLOWED_ORIGINS", "https://a.example,https://b.example:8443")];
    let app = TestApp::with(SANDBOX, &origins).await;
    for (origin, expected) in [
        ("https://a.example", Some("https://a.example")),
        ("https://b.example:8443", Some("https://b.example:8443")),
        ("https://b.example", None),
        ("https://a.example.evil.example", None),
        ("null", None),
    ] {
        for ask in [options("/devices/list"), Ask::get("/devices/list").bearer(&app.own.api_key)] {
            let answer = app.send(ask.header("origin", origin)).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("access-control-allow-origin"), expected);
            assert_eq!(answer.header("access-control-allow-credentials"), expected.map(|_| "true"));
            assert_eq!(answer.header("vary"), Some("Origin"));
        }
    }
}

#[tokio::test]
async fn probes_answer_without_credentials() {
    let app = TestApp::start().await;
    for path in ["/health/live", "/health/ready"] {
        for method in [Method::GET, Method::POST] {
            assert_eq!(app.send(Ask::new(method, path)).await.body, json!({"ok": true}));
        }
    }
    let whole = redacted(&app.send(Ask::get("/health")).await.body);
    for path in ["/health", "/health/get_health"] {
        for ask in [Ask::get(path), Ask::post(path).json(json!({}))] {
            app.send(ask).await.assert_body(200, &whole);
        }
    }
}

#[tokio::test]
async fn a_header_that_is_no_text_is_just_wrong() {
    let app = TestApp::start().await;
    for name in [
        "authorization",
        "seam-workspace",
        "client-session-token",
        "seam-publishable-key",
        "origin",
        "prefer",
        "content-type",
        "idempotency-key",
    ] {
        let mut request: Request<Body> =
            Ask::post("/locks/unlock_door").bearer(&app.own.api_key).json(app.own.device()).into_http();
        let name = http::HeaderName::from_static(name);
        request.headers_mut().insert(name, HeaderValue::from_bytes(b"\xff\xfe").unwrap());
        let status = app.send_http(Method::POST, request).await.status.as_u16();
        assert!([200, 400, 401].contains(&status), "{status}");
    }
    let workspaces = Ask::get("/workspaces/list").bearer(&app.pat).into_http();
    let (mut parts, body) = workspaces.into_parts();
    parts.headers.insert("seam-workspace", HeaderValue::from_bytes(b"\xff").unwrap());
    let answer = app.send_http(Method::GET, Request::from_parts(parts, body)).await;
    answer.assert_refused(401, "unauthorized");
}

#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let app = TestApp::start().await;
    let body = json!({"device_id": app.own.devices[0], "newer": {"than": ["this", null]}, "_strict": true});
    assert_eq!(app.post("/devices/get", body).await.status, 200);
    assert_eq!(app.get("/workspaces/get?x=1&y.z=2&w[]=3").await.status, 200);
    let nulls: Value = json!({"limit": null, "page_cursor": null, "search": null, "device_ids": null});
    assert_eq!(app.post("/devices/list", nulls).await.field("devices").as_array().unwrap().len(), 5);
}
