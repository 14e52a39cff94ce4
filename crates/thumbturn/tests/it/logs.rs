//! The log of the built program: what its lines are, in both formats, and what a panic leaves there.

use std::process::Command;

use serde_json::Value;
use thumbturn::config::{Log, LogFormat};

use crate::ask::Ask;
use crate::program::{Server, place, run};

fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
}

#[tokio::test]
async fn each_line_is_one_event_as_json() {
    let place = place();
    let variables = [("THUMBTURN_LOG__FORMAT", "json"), ("THUMBTURN_LOG__LEVEL", "debug")];
    let mut server = Server::start(&place.data, &variables);
    server.send(Ask::get("/health/get_health")).await.unwrap().ok();
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    let log = lines(&std::fs::read_to_string(&server.log).unwrap());
    for event in &log {
        assert!(event["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{event}");
        assert!(["ERROR", "WARN", "INFO", "DEBUG"].contains(&event["level"].as_str().unwrap()), "{event}");
        assert!(!event["target"].as_str().unwrap().is_empty(), "{event}");
        assert!(event["fields"]["message"].is_string(), "{event}");
    }
    let answered = log.iter().find(|event| event["fields"]["path"] == "/health/get_health").unwrap();
    assert_eq!((&answered["level"], &answered["target"]), (&"DEBUG".into(), &"thumbturn::http".into()));
    assert_eq!((&answered["fields"]["status"], &answered["fields"]["method"]), (&200.into(), &"GET".into()));
}

#[tokio::test]
async fn the_level_is_a_setting_and_a_variable_wins_over_it() {
    let place = place();
    let logged = async |variables: &[(&str, &str)]| {
        let mut server = Server::start(&place.data, variables);
        server.send(Ask::get("/health/get_health")).await.unwrap().ok();
        server.signal("TERM");
        server.wait();
        std::fs::read_to_string(&server.log).unwrap()
    };
    assert!(!logged(&[]).await.contains("/health/get_health"), "info, unless told otherwise");
    let debug = ("THUMBTURN_LOG__LEVEL", "debug");
    assert!(logged(&[debug]).await.contains("/health/get_health"));
    assert_eq!(logged(&[debug, ("THUMBTURN_LOG", "off")]).await, "");
}

#[test]
fn what_the_log_cannot_be_is_refused_with_what_it_can() {
    let place = place();
    let folder = place.data.display().to_string();
    for (name, value, expected) in [
        ("THUMBTURN_LOG__FORMAT", "xml", "expected `text` or `json`"),
        ("THUMBTURN_LOG__FORMAT", "xml", "`log.format` is by default \"text\""),
        ("THUMBTURN_LOG__LEVEL", "loud", "log.level is `loud`, but must be a level such as info"),
        ("THUMBTURN_LOG", "loud", "THUMBTURN_LOG is `loud`, but must be a level such as info"),
    ] {
        let ended = run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", &folder], &[(name, value)]);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.err.contains(expected), "{name}={value}: {ended:?}");
    }
    assert!(!place.data.exists());
}

/// In a process of its own, for the hook is that of the whole process.
#[test]
fn a_panic_is_one_event_and_tells_nothing_that_came_from_outside() {
    for format in ["json", "text"] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "logs::panics", "--ignored", "--nocapture"]).env("PANICS_IN", format);
        child.env_remove("THUMBTURN_LOG").env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE");
        let ended = child.output().unwrap();
        assert!(ended.status.success(), "{ended:?}");
        let log = String::from_utf8(ended.stderr).unwrap();
        assert!(!log.contains("canary"), "{log}");
        let told = |text| log.lines().filter(|line| line.contains(text) && line.contains("logs.rs:")).count();
        assert_eq!((told("words of the program"), told("is left out")), (1, 1), "{log}");
        if format == "json" {
            let events = lines(&log);
            assert!(events.iter().all(|event| event["target"] == "thumbturn::panic" && event["level"] == "ERROR"));
            assert_eq!(events[1]["fields"]["thread"], "second");
        }
    }
}

#[test]
#[ignore = "the child of the test before: it panics"]
fn panics() {
    let Ok(format) = std::env::var("PANICS_IN") else { return };
    let format = if format == "json" { LogFormat::Json } else { LogFormat::Text };
    thumbturn::logging::start(&Log { format, level: "info".to_owned() }).unwrap();
    let secret = "canary".to_owned();
    let panicked = |name: &str, work: Box<dyn FnOnce() + Send>| {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work).unwrap();
        assert!(thread.join().is_err());
    };
    panicked("first", Box::new(|| panic!("words of the program")));
    panicked("second", Box::new(move || panic!("no lock named {secret}")));
}
