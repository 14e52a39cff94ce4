//! A load generator: some connections, one request at a time on each; prints one line of JSON.
//!
//! `cargo run --release -p thumbturn-bench --bin load -- URL API_KEY CALL [CONNECTIONS] [SECONDS]`, where `CALL` is
//! `unlock` (held until the outcome), `unlock-async` (`Prefer: respond-async`), `get` (a device), `page` (a hundred
//! devices, from anywhere in the list), `nothing` (events that this server has none of, so that everything is done but to
//! look; what the rest is compared with) or `share`: `unlock`, and afterwards how much of each latency was the server's.
//! Devices are taken from `/devices/list`.

#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use thumbturn_bench::{Fallible, Target, percentile};

/// How many devices a page holds that is measured, and one that is only looked through.
const PAGES: (usize, usize) = (100, 1000);

/// Of how many unlocks the evidence is looked at.
const SAMPLE: usize = 2000;

/// An access code that nothing is known of.
const NO_CODE: &str = "00000000-0000-4000-8000-000000000000";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Unlock,
    UnlockAsync,
    Get,
    Page,
    Nothing,
    Share,
}

impl Call {
    fn read(word: &str) -> Fallible<Self> {
        const WORDS: [(&str, Call); 6] = [
            ("unlock", Call::Unlock),
            ("unlock-async", Call::UnlockAsync),
            ("get", Call::Get),
            ("page", Call::Page),
            ("nothing", Call::Nothing),
            ("share", Call::Share),
        ];
        let found = WORDS.iter().find(|(name, _)| *name == word).map(|(_, call)| *call);
        found.ok_or_else(|| "CALL must be unlock, unlock-async, get, page, nothing or share".into())
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Unlock | Self::UnlockAsync | Self::Share => "/locks/unlock_door",
            Self::Get => "/devices/get",
            Self::Page => "/devices/list",
            Self::Nothing => "/events/list",
        }
    }

    /// A held unlock counts only if the bolt moved.
    fn is_as_wanted(self, body: &[u8]) -> bool {
        const MOVED: &[u8] = b"\"was_confirmed_by_device\":true";
        let is_held = matches!(self, Self::Unlock | Self::Share);
        !is_held || body.windows(MOVED.len()).any(|part| part == MOVED)
    }
}

struct Load {
    target: Target,
    call: Call,
    devices: Vec<String>,
    /// Where pages of the list begin.
    cursors: Vec<String>,
}

impl Load {
    /// What can be asked for. The fake knows no pages and answers everything.
    async fn look_around(&mut self) -> Fallible<()> {
        let mut connection = self.target.connect().await?;
        // A cursor holds for lists of the same limit.
        let limit = if self.call == Call::Page { PAGES.0 } else { PAGES.1 };
        let mut ask = json!({"limit": limit});
        loop {
            let page = connection.ask("/devices/list", &ask).await?;
            let ids = page["devices"].as_array().ok_or("no devices")?.iter();
            self.devices.extend(ids.filter_map(|device| Some(device["device_id"].as_str()?.to_owned())));
            let Some(next) = page["pagination"]["next_page_cursor"].as_str() else { return Ok(()) };
            self.cursors.push(next.to_owned());
            ask = json!({"limit": limit, "page_cursor": next});
        }
    }

    fn body(&self, at: usize) -> Fallible<String> {
        if self.call == Call::Nothing {
            return Ok(format!("{{\"since\":\"2020-01-01T00:00:00Z\",\"access_code_id\":\"{NO_CODE}\"}}"));
        }
        if self.call == Call::Page {
            let cursor = self.cursors.get(at % (self.cursors.len() + 1));
            return Ok(json!({"limit": PAGES.0, "page_cursor": cursor}).to_string());
        }
        let device = self.devices.get(at % self.devices.len().max(1)).ok_or("no devices")?;
        Ok(format!("{{\"device_id\":\"{device}\"}}"))
    }

    /// One connection.
    async fn run(self: Arc<Self>, first: usize, step: usize, until: Instant) -> Fallible<Done> {
        let mut connection = self.target.connect().await?;
        let preference = (self.call == Call::UnlockAsync).then_some("respond-async");
        let mut done = Done::default();
        let mut at = first;
        while Instant::now() < until {
            let body = self.body(at)?;
            at += step;
            let started = Instant::now();
            let (status, answer) = connection.call(self.call.path(), body, preference).await?;
            let took = started.elapsed();
            if status.is_success() && self.call.is_as_wanted(&answer) {
                done.times.push(took);
                if self.call == Call::Share {
                    done.answers.push((took, answer));
                }
            } else {
                done.failed += 1;
            }
        }
        Ok(done)
    }

    /// Of some unlocks: the latency without the time from the command to the lock's report, and its two parts.
    async fn shares(&self, answers: &[(Duration, Bytes)]) -> Fallible<[Vec<Duration>; 3]> {
        let mut connection = self.target.connect().await?;
        let mut shares = [Vec::new(), Vec::new(), Vec::new()];
        for (took, answer) in answers.iter().step_by(answers.len().div_ceil(SAMPLE).max(1)) {
            let answer: Value = serde_json::from_slice(answer)?;
            let attempt = json!({"action_attempt_id": answer["action_attempt"]["action_attempt_id"]});
            let evidence = connection.ask("/thumbturn/action_attempts/evidence", &attempt).await?;
            let stages = evidence["action_attempt_evidence"]["stages"].as_array().ok_or("no stages")?;
            let after = |name: &str| {
                let stage = stages.iter().rev().find(|stage| stage["stage"] == name)?;
                Some(Duration::from_secs_f64(stage["after_ms"].as_f64()? / 1000.0))
            };
            let (written, reported) = (after("written").ok_or("no written")?, after("reported").ok_or("no report")?);
            let ours = took.saturating_sub(reported.saturating_sub(written));
            // Acceptance is noted when the request was read; what came before counts with the way back.
            for (share, time) in shares.iter_mut().zip([ours, written, ours.saturating_sub(written)]) {
                share.push(time);
            }
        }
        Ok(shares)
    }
}

/// What became of the calls of a connection.
#[derive(Default)]
struct Done {
    times: Vec<Duration>,
    failed: usize,
    answers: Vec<(Duration, Bytes)>,
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, call, rest @ ..] = args.as_slice() else { return Err("URL, API_KEY and CALL are needed".into()) };
    let connections: usize = rest.first().map_or(Ok(64), |text| text.parse())?;
    let seconds: u64 = rest.get(1).map_or(Ok(10), |text| text.parse())?;
    let (target, call) = (Target::new(url, key), Call::read(call)?);
    let mut load = Load { target, call, devices: Vec::new(), cursors: Vec::new() };
    load.look_around().await?;
    let load = Arc::new(load);
    let until = Instant::now() + Duration::from_secs(seconds);
    let workers = (0..connections).map(|worker| tokio::spawn(Arc::clone(&load).run(worker, connections, until)));
    let mut all = Done::default();
    for worker in workers.collect::<Vec<_>>() {
        let done = worker.await??;
        all.times.extend(done.times);
        all.failed += done.failed;
        all.answers.extend(done.answers);
    }
    let mut report = json!({
        "calls": all.times.len(),
        "per_second": all.times.len() as f64 / seconds.max(1) as f64,
        "median_us": percentile(&mut all.times, 0.5),
        "p99_us": percentile(&mut all.times, 0.99),
        "failed": all.failed,
        "devices": load.devices.len(),
    });
    if call == Call::Share {
        let shares = load.shares(&all.answers).await?;
        for (name, mut times) in ["ours", "to_written", "from_report"].into_iter().zip(shares) {
            report[name] = json!({"median_us": percentile(&mut times, 0.5), "p99_us": percentile(&mut times, 0.99)});
        }
    }
    println!("{report}");
    Ok(())
}
