//! The wire itself: real connections to a real port.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use thumbturn::connections::{self, Limits, Stop};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::app::{PATIENCE, SANDBOX, TestApp, eventually};

struct Served {
    app: TestApp,
    address: SocketAddr,
    stop: Stop,
    serving: JoinHandle<std::io::Result<()>>,
}

async fn served() -> Served {
    served_within(TestApp::start().await, Limits::of(100)).await
}

async fn served_within(app: TestApp, limits: Limits) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::default();
    let serving = tokio::spawn(connections::serve(listener, app.router(), stop.clone(), limits));
    Served { app, address, stop, serving }
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn head(&self, line: &str, more: &str) -> String {
        format!("{line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{more}\r\n", self.app.own.api_key)
    }
}

/// Everything that comes until the other side closes, or until a whole answer with `content-length` is there.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        loop {
            let count = stream.read(&mut buffer).await.unwrap_or(0);
            text.extend_from_slice(&buffer[..count]);
            if count == 0 || is_whole(&text) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("no answer");
    String::from_utf8(text).unwrap()
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn calls_share_a_connection() {
    let served = served().await;
    let mut stream = served.connect().await;
    for locked in [false, true] {
        let path = if locked { "/locks/lock_door" } else { "/locks/unlock_door" };
        let json = served.app.own.device().to_string();
        let more = format!("content-type: application/json\r\ncontent-length: {}\r\n", json.len());
        stream.write_all((served.head(&format!("POST {path}"), &more) + &json).as_bytes()).await.unwrap();
        let answer = answer(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.to_lowercase().contains("content-type: application/json; charset=utf-8\r\n"));
        assert_eq!(body(&answer)["action_attempt"]["status"], "success");
    }
    let head = served.head("HEAD /devices/list", "");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut buffer = [0; 4096];
    let count = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&buffer[..count]);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn a_body_may_come_in_chunks() {
    let served = served().await;
    let mut stream = served.connect().await;
    let head = served.head("POST /devices/get", "content-type: application/json\r\ntransfer-encoding: chunked\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for part in [r#"{"device_"#.to_owned(), format!(r#"id": "{}"}}"#, served.app.own.devices[0]), String::new()] {
        stream.write_all(format!("{:x}\r\n{part}\r\n", part.len()).as_bytes()).await.unwrap();
    }
    let answer = answer(&mut stream).await;
    assert_eq!(body(&answer)["device"]["display_name"], "Front Door");
}

/// A client that first sends everything and then reads, as most do, must find the refusal and not a broken connection.
#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    const SIZE: usize = 6 * 1024 * 1024;
    let served = served().await;
    for (line, chunked, key, status, kind) in [
        ("POST /devices/list", false, true, 413, "payload_too_large"),
        ("POST /devices/list", true, true, 413, "payload_too_large"),
        ("POST /devices/list", false, false, 401, "unauthorized"),
        ("POST /nowhere", false, true, 404, "not_found"),
        ("DELETE /devices/list", false, true, 405, "method_not_allowed"),
    ] {
        let mut stream = served.connect().await;
        let length = if chunked { "transfer-encoding: chunked".to_owned() } else { format!("content-length: {SIZE}") };
        let more = format!("content-type: application/json\r\n{length}\r\n");
        let head = served.head(line, &more);
        let head = if key { head } else { head.replace("authorization", "x-nothing") };
        stream.write_all(head.as_bytes()).await.unwrap();
        let piece = "x".repeat(64 * 1024);
        let mut sent = 0;
        while sent < SIZE {
            let text = if chunked { format!("{:x}\r\n{piece}\r\n", piece.len()) } else { piece.clone() };
            stream.write_all(text.as_bytes()).await.unwrap_or_else(|error| panic!("{line} after {sent}: {error}"));
            sent += piece.len();
        }
        if chunked {
            stream.write_all(b"0\r\n\r\n").await.unwrap();
        }
        let answer = answer(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
        assert_eq!(body(&answer)["error"]["type"], kind);
    }
}

/// What is no HTTP request at all is refused by the HTTP library, which lets nobody else write the answer: a status
/// without a body, and the connection ends. `docs/compatibility.md` says so.
#[tokio::test]
async fn what_is_no_request_is_refused_without_a_body() {
    let served = served().await;
    let long = "x".repeat(70_000);
    for (head, status) in [
        (format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"), "414 URI Too Long"),
        (
            format!("GET /devices/list HTTP/1.1\r\nhost: x\r\n{}\r\n", "x-y: z\r\n".repeat(200)),
            "431 Request Header Fields Too Large",
        ),
        ("GET /devices/list HTTP/9.9\r\nhost: x\r\n\r\n".to_owned(), "400 Bad Request"),
        ("nonsense\r\n\r\n".to_owned(), "400 Bad Request"),
    ] {
        let mut stream = served.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut text = String::new();
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await.expect("it stays open").ok();
        assert!(text.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{text}");
        assert!(text.ends_with("\r\n\r\n"), "{text}");
    }
    // One byte less is a request like any other.
    let mut stream = served.connect().await;
    let head = served.head(&format!("GET /{}", "x".repeat(60_000)), "");
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = answer(&mut stream).await;
    assert_eq!(body(&answer)["error"]["type"], "not_found");
}

#[tokio::test]
async fn a_stopped_server_ends_what_it_answers_and_closes_what_is_idle() {
    let served = served().await;
    served.app.set(0, json!({"latency_ms": 300})).await;
    let mut idle = served.connect().await;
    let mut busy = served.connect().await;
    let json = served.app.own.device().to_string();
    let more = format!("content-type: application/json\r\ncontent-length: {}\r\n", json.len());
    busy.write_all((served.head("POST /locks/unlock_door", &more) + &json).as_bytes()).await.unwrap();
    crate::app::eventually("the command is there", async || {
        (served.app.physical(0).await["commands"] == 1).then_some(())
    })
    .await;
    served.stop.soon.cancel();
    let answer = answer(&mut busy).await;
    assert_eq!(body(&answer)["action_attempt"]["status"], "success");
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, idle.read_to_end(&mut rest)).await.expect("an idle connection stays open").ok();
    tokio::time::timeout(Duration::from_secs(10), served.serving).await.expect("still serving").unwrap().unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn a_connection_beyond_the_places_is_told_to_come_back() {
    let limits = Limits { places: 2, ..Limits::of(2) };
    let served = served_within(TestApp::start().await, limits).await;
    let ask = served.head("GET /devices/list", "");
    let (mut one, mut two) = (served.connect().await, served.connect().await);
    for stream in [&mut one, &mut two] {
        stream.write_all(ask.as_bytes()).await.unwrap();
        assert!(answer(stream).await.starts_with("HTTP/1.1 200 "));
    }
    let mut third = served.connect().await;
    third.write_all(ask.as_bytes()).await.unwrap();
    let refused = answer(&mut third).await;
    let head = refused.to_lowercase();
    assert!(head.starts_with("http/1.1 503 ") && head.contains("\r\nretry-after: 1\r\n"), "{refused}");
    assert!(head.contains("\r\nconnection: close\r\n"), "{refused}");
    assert_eq!(body(&refused)["error"]["type"], "service_unavailable");
    let mut probe = served.connect().await;
    probe.write_all(served.head("GET /health/live", "").as_bytes()).await.unwrap();
    assert!(answer(&mut probe).await.starts_with("HTTP/1.1 200 "), "who watches the server must not take it for dead");

    drop(one);
    eventually("a place is free again", async || {
        let mut stream = served.connect().await;
        stream.write_all(ask.as_bytes()).await.unwrap();
        answer(&mut stream).await.starts_with("HTTP/1.1 200 ").then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_does_not_take_the_answers_is_cut_off() {
    let limits = Limits { places: 1, patience: Duration::from_millis(200), ..Limits::of(1) };
    let served = served_within(TestApp::start().await, limits).await;
    let mut stream = served.connect().await;
    // Far more than the system holds for a connection.
    let many = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(500);
    stream.write_all(many.as_bytes()).await.unwrap();
    eventually("its place is free again", async || {
        let mut other = served.connect().await;
        other.write_all(served.head("GET /devices/list", "").as_bytes()).await.unwrap();
        answer(&mut other).await.starts_with("HTTP/1.1 200 ").then_some(())
    })
    .await;
    drop(stream);
}

#[tokio::test]
async fn who_sends_a_body_slowly_holds_no_place() {
    let served =
        served_within(TestApp::with(SANDBOX, &[("THUMBTURN_LIMITS__CONCURRENT_REQUESTS", "1")]).await, Limits::of(100))
            .await;
    let json = served.app.own.device().to_string();
    let more = format!("content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n", json.len());
    let mut slow = served.connect().await;
    slow.write_all(served.head("POST /locks/unlock_door", &more).as_bytes()).await.unwrap();
    let mut asked = [0; 25];
    tokio::time::timeout(PATIENCE, slow.read_exact(&mut asked)).await.unwrap().unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n", "the server waits for the body");
    let (first, rest) = json.as_bytes().split_at(5);
    slow.write_all(first).await.unwrap();
    assert_eq!(served.app.get("/devices/list").await.status, 200);
    slow.write_all(rest).await.unwrap();
    let answer = answer(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn large_bodies_that_do_not_come_leave_room_for_small_calls() {
    let served = served_within(TestApp::start().await, Limits::of(200)).await;
    let more = "content-type: application/json\r\ncontent-length: 1048576\r\nexpect: 100-continue\r\n";
    let announce = async || {
        let mut stream = served.connect().await;
        stream.write_all(served.head("POST /devices/list", more).as_bytes()).await.unwrap();
        let mut status = [0; 12];
        tokio::time::timeout(PATIENCE, stream.read_exact(&mut status)).await.expect("no answer").unwrap();
        (stream, status)
    };
    let mut waiting = Vec::new();
    for _ in 0..128 {
        let (stream, status) = announce().await;
        assert_eq!(&status, b"HTTP/1.1 100");
        waiting.push(stream);
    }
    let (mut refused, status) = announce().await;
    assert_eq!(&status, b"HTTP/1.1 503");
    assert!(answer(&mut refused).await.contains("retry-after: 1"));
    assert_eq!(served.app.unlock(0).await["status"], "success");

    waiting.pop();
    eventually("there is room again", async || (&announce().await.1 == b"HTTP/1.1 100").then_some(())).await;
}
