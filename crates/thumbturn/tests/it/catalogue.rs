//! The page of every error and every event: each line of it is pasted into a shell beside a new server, and what stands
//! at its left must come of it. What has no line there is found.

use std::collections::BTreeSet;
use std::process::Stdio;

use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use thumbturn::connections::{self, Limits, Stop};
use thumbturn_api::event_types::EVENT_TYPES;
use thumbturn_api::{ErrorType, endpoints};
use thumbturn_core::attempts::FailureKind;
use thumbturn_core::events::EventKind;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};

use crate::app::{PATIENCE, TestApp, eventually};

const CATALOGUE: &str = include_str!("../../../../docs/sandbox-catalogue.md");
const SANDBOX: &str = include_str!("../../../../docs/sandbox.md");

/// How many rows are tried at the same time.
const AT_ONCE: usize = 4;

/// What the page waits half a minute for takes so long here.
const SHORT_DEADLINE: (&str, &str) = ("THUMBTURN_ACTIONS__DEADLINE_MS", "2000");

/// One row of a table.
struct Row {
    name: &'static str,
    /// The lines to paste.
    lines: Vec<&'static str>,
    /// Whether the last line shows it only after a while.
    is_late: bool,
}

/// What stands between this heading and the next.
fn section(heading: &str) -> &'static str {
    let (_, rest) = CATALOGUE.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    rest.split("\n## ").next().unwrap()
}

/// The rows of the one table of a section: its first cell's code, and its last cell.
fn cells(heading: &str) -> Vec<(&'static str, &'static str)> {
    let rows = section(heading).lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let split = rows.map(|row| row.trim_matches(['|', ' ']).split(" | ").collect::<Vec<_>>());
    let cells: Vec<_> = split.map(|row| (row[0].trim_matches('`'), row[row.len() - 1])).collect();
    assert!(!cells.is_empty(), "{heading} has no rows");
    cells
}

fn rows(heading: &str) -> Vec<Row> {
    let read = |(name, paste): (&'static str, &'static str)| {
        let (calls, after) = match paste.rsplit_once("`, ") {
            Some((calls, after)) => (calls, Some(after)),
            None => (paste.strip_suffix('`').unwrap_or_else(|| panic!("{name}: {paste}")), None),
        };
        assert!(after.is_none_or(|after| after.starts_with("after ")), "{name}: {paste}");
        let lines = calls.strip_prefix('`').unwrap().split("`<br>`").collect();
        Row { name, lines, is_late: after.is_some() }
    };
    cells(heading).into_iter().map(read).collect()
}

fn never() -> BTreeSet<&'static str> {
    cells("Not to be had").into_iter().map(|(name, _)| name).collect()
}

/// The blocks of a page that are to be pasted.
fn blocks(page: &'static str) -> Vec<&'static str> {
    page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The first block of the page about virtual locks, but for the line with the keys.
fn prelude() -> String {
    let block = blocks(SANDBOX)[0];
    assert!(block.starts_with("export URL="), "{block}");
    block.lines().skip(1).map(|line| format!("{line}\n")).collect()
}

/// A new installation that is served on a port.
struct Served {
    app: TestApp,
    url: String,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn served(settings: &[(&str, &str)]) -> Served {
    let app = TestApp::fresh(settings).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(connections::serve(listener, app.router(), Stop::default(), Limits::of(100)));
    Served { app, url, serving }
}

impl Served {
    /// A shell into which `script` is pasted after the prelude.
    fn shell(&self, script: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
        let own = &self.app.own;
        let mut child = Command::new("sh")
            .args(["-c", &format!("{}{script}", prelude())])
            .env("URL", &self.url)
            .env("KEY", &own.api_key)
            .env("TOKEN", &self.app.pat)
            .env("PUBLISHABLE_KEY", &own.publishable_key)
            .env("no_proxy", "*")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        (child, answers)
    }

    /// The last answer to the lines, or the first that is `wanted` if its line is sent again and again.
    async fn answer(&self, row: &Row, wanted: &(dyn Fn(&Value) -> bool + Sync)) -> Result<Value, String> {
        let (last, before) = row.lines.split_last().unwrap();
        let last = if row.is_late { format!("while sleep 0.1; do {last}; done") } else { (*last).to_owned() };
        let (_shell, mut answers) = self.shell(&format!("{}\n{last}", before.join("\n")));
        let reading = async {
            let mut newest = Value::Null;
            while let Some(line) = answers.next_line().await.unwrap() {
                newest = serde_json::from_str(&line).map_err(|_| format!("{line:.500} is not JSON"))?;
                if row.is_late && wanted(&newest) {
                    break;
                }
            }
            Ok(newest)
        };
        tokio::time::timeout(2 * PATIENCE, reading).await.map_err(|_| "it never came".to_owned())?
    }

    /// How often an event of this type was told.
    async fn told(&self, kind: &str) -> usize {
        let all = json!({"since": "2000-01-01T00:00:00Z", "event_type": kind});
        self.app.post("/events/list", all).await.field("events").as_array().unwrap().len()
    }
}

/// What a row is to bring about.
#[derive(Clone, Copy, Debug)]
enum Comes {
    Refusal,
    End,
    Event,
    /// On a device or account.
    Issue,
}

impl Comes {
    fn is_in(self, answer: &Value, name: &str) -> bool {
        match self {
            Self::Refusal => answer["ok"] == false && answer["error"]["type"] == name,
            Self::End => {
                let attempt = &answer["action_attempt"];
                attempt["status"] == "error" && attempt["error"]["type"] == name
            }
            Self::Event => answer["ok"] == true,
            Self::Issue => {
                let shown = [&answer["device"], &answer["connected_account"]];
                let lists = shown.iter().flat_map(|one| [&one["errors"], &one["warnings"]]);
                let mut issues = lists.filter_map(Value::as_array).flatten();
                issues.any(|issue| issue["error_code"] == name || issue["warning_code"] == name)
            }
        }
    }
}

async fn check(row: &Row, comes: Comes) -> Result<(), String> {
    let settings: &[_] = if row.is_late { &[SHORT_DEADLINE] } else { &[] };
    let served = served(settings).await;
    let before = if let Comes::Event = comes { served.told(row.name).await } else { 0 };
    let answer = served.answer(row, &|answer| comes.is_in(answer, row.name)).await?;
    if !comes.is_in(&answer, row.name) {
        return Err(format!("{answer:#}"));
    }
    if let Comes::Event = comes {
        let is_told = async || (served.told(row.name).await > before).then_some(());
        eventually(&format!("{} is told", row.name), is_told).await;
    }
    Ok(())
}

/// Tries every row of a section and checks that it has one for each of `all` and none for anything else.
async fn check_all(heading: &str, all: &[&'static str], comes: Comes) {
    let rows = rows(heading);
    let (named, all): (BTreeSet<_>, BTreeSet<_>) =
        (rows.iter().map(|row| row.name).collect(), all.iter().copied().collect());
    assert_eq!(named, all, "the rows of {heading}");
    let tried = rows.iter().map(async |row| check(row, comes).await.map_err(|why| format!("{}: {why}", row.name)));
    let failed: Vec<String> =
        stream::iter(tried).buffer_unordered(AT_ONCE).filter_map(async |tried| tried.err()).collect().await;
    assert!(failed.is_empty(), "{} rows do not do what they say:\n{}", failed.len(), failed.join("\n"));
}

fn without_never(all: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let never = never();
    all.filter(|name| !never.contains(name)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_can_be_had() {
    let all = without_never(ErrorType::ALL.iter().map(|kind| kind.as_str()));
    check_all("Refusals", &all, Comes::Refusal).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_end_of_an_attempt_can_be_had() {
    let all = without_never(FailureKind::ALL.iter().map(|kind| kind.as_str()));
    check_all("Attempts that fail", &all, Comes::End).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_can_be_had() {
    check_all("Events", EventKind::RAISED, Comes::Event).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_issue_of_a_device_or_account_can_be_had() {
    let all = [
        "device_disconnected",
        "hub_disconnected",
        "account_disconnected",
        "device_removed",
        "subscription_required",
        "provider_issue",
        "provider_service_unavailable",
    ];
    check_all("What devices and accounts show", &all, Comes::Issue).await;
}

/// What is said not to be had is declared by no endpoint; a fault of the server can happen anywhere.
#[test]
fn what_cannot_be_had_is_declared_nowhere() {
    let declared: BTreeSet<&str> =
        endpoints().iter().flat_map(|endpoint| endpoint.possible_errors()).map(ErrorType::as_str).collect();
    for name in never() {
        let is_known = ErrorType::from_code(name).is_some() || FailureKind::from_word(name).is_some();
        assert!(is_known && !declared.contains(name), "{name}");
    }
}

#[test]
fn events_that_are_raised_are_in_the_contract() {
    for kind in EventKind::RAISED {
        assert!(EVENT_TYPES.contains(kind), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_about_virtual_locks_can_be_pasted() {
    let served = served(&[]).await;
    let (mut shell, mut lines) = served.shell(&blocks(SANDBOX)[1..].concat());
    let reading = async {
        let mut answers: Vec<Value> = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            answers.push(serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}")));
        }
        answers
    };
    let answers = tokio::time::timeout(2 * PATIENCE, reading).await.expect("it takes too long");
    assert!(shell.wait().await.unwrap().success());
    assert!(answers.len() > 8 && answers.iter().all(|answer| answer["ok"] == true), "{answers:#?}");
    let ends: Vec<&Value> = answers.iter().map(|answer| &answer["action_attempt"]["error"]["type"]).collect();
    assert_eq!(ends.iter().filter(|end| **end == "lock_jammed").count(), 1, "{ends:?}");
}
