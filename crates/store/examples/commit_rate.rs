//! How many commits a second the store takes: 64 tasks accept an attempt on one of 1,000 locks, wait for the disk, finish
//! it, wait again. On Linux also what an unlock costs, which other programs on the machine change less than the rate:
//! processor time of the writer's thread, bytes written to files.
//!
//! `cargo run --release -p thumbturn-store --example commit_rate [seconds] [directory]`

#![expect(clippy::print_stdout, reason = "it is what the program is for")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use thumbturn_core::accounts::{Account, LinkState, Provider};
use thumbturn_core::attempts::{Attempt, Outcome};
use thumbturn_core::change::{Change, SetUp};
use thumbturn_core::devices::{About, Device, DeviceState, Reach};
use thumbturn_core::events::{Event, EventKind, Method};
use thumbturn_core::evidence::{Evidence, Manner, Rule, Stage, Step, Words};
use thumbturn_core::ids::{AccountId, AttemptId, DeviceId, EventId, NativeId, OperatorId, WorkspaceId};
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_core::ports::Said;
use thumbturn_core::workspaces::Workspace;
use thumbturn_store::{OpenOptions, Store};

const TASKS: usize = 64;
const DEVICES: usize = 1000;

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().map_or(Ok(5), |seconds| seconds.parse())?;
    let dir = args.next().map_or_else(|| std::env::temp_dir().join("thumbturn-commit-rate"), PathBuf::from);
    if dir.exists() {
        return Err(format!("{} is there already", dir.display()).into());
    }
    let result = measure(&dir, Duration::from_secs(seconds)).await;
    std::fs::remove_dir_all(&dir)?;
    result
}

async fn measure(dir: &Path, time: Duration) -> Result<(), Failed> {
    let store = thumbturn_store::open(OpenOptions::new(dir))?;
    let set_up = set_up();
    let devices = set_up.devices.clone();
    store.commit(Change::SetUp(Box::new(set_up))).await?;

    let devices: Arc<[Device]> = devices.into();
    let unlocks = Arc::new(AtomicU64::new(0));
    let (began, cost) = (Instant::now(), Cost::so_far());
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| unlock_until(began + time, store.clone(), Arc::clone(&devices), task, Arc::clone(&unlocks)))
        .map(tokio::spawn)
        .collect();
    let mut each: Vec<Duration> = Vec::new();
    for task in tasks {
        each.extend(task.await??);
    }
    let unlocks = unlocks.load(Ordering::Relaxed);
    report(unlocks, began.elapsed(), each);
    if let (Some(before), Some(after)) = (cost, Cost::so_far()) {
        after.report_since(&before, unlocks);
    }
    Ok(())
}

/// What this process has cost until now.
struct Cost {
    /// Of the writer's thread: in its own code, and in the kernel.
    ticks: [u64; 2],
    bytes_written: u64,
}

impl Cost {
    /// `None` where the system does not say.
    fn so_far() -> Option<Self> {
        let io = std::fs::read_to_string("/proc/self/io").ok()?;
        let bytes_written = io.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse().ok())?;
        let stats = std::fs::read_dir("/proc/self/task").ok()?.flatten();
        let ticks =
            stats.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok()).find_map(|stat| {
                let (_, fields) = stat.split_once("(store-writer) ")?;
                let mut fields = fields.split(' ').skip(11);
                Some([fields.next()?.parse().ok()?, fields.next()?.parse().ok()?])
            })?;
        Some(Self { ticks, bytes_written })
    }

    fn report_since(&self, before: &Self, unlocks: u64) {
        // A tick is 10 ms on every Linux that is common.
        let micros = |n: usize| (self.ticks[n] - before.ticks[n]) as f64 * 10_000.0 / unlocks as f64;
        println!(
            "an unlock costs the writer {:.0} µs of its own and {:.0} µs in the kernel, and writes {} bytes to files",
            micros(0),
            micros(1),
            (self.bytes_written - before.bytes_written) / unlocks,
        );
    }
}

fn report(unlocks: u64, took: Duration, mut each: Vec<Duration>) {
    each.sort_unstable();
    let at = |part: usize| each.get(each.len() * part / 1000).copied().unwrap_or_default();
    let rate = |count: u64| count as f64 / took.as_secs_f64();
    println!(
        "{TASKS} tasks: {:.0} commits/s, {:.0} unlocks/s; an unlock (two commits) takes {:?} median, {:?} p99",
        rate(unlocks * 2),
        rate(unlocks),
        at(500),
        at(990),
    );
}

async fn unlock_until(
    end: Instant,
    store: Store,
    devices: Arc<[Device]>,
    task: usize,
    unlocks: Arc<AtomicU64>,
) -> Result<Vec<Duration>, Failed> {
    let mut each = Vec::new();
    for device in devices.iter().cycle().skip(task).step_by(TASKS) {
        let began = Instant::now();
        if began >= end {
            break;
        }
        unlock(&store, device).await?;
        each.push(began.elapsed());
        unlocks.fetch_add(1, Ordering::Relaxed);
    }
    Ok(each)
}

async fn unlock(store: &Store, device: &Device) -> Result<(), Failed> {
    let now = Timestamp::now();
    let attempt = Attempt {
        id: AttemptId::new_at(now),
        workspace: device.workspace,
        account: Some(device.account),
        device: Some(device.id),
        action: Action::UnlockDoor,
        created_at: now,
        outcome: None,
    };
    let id = attempt.id;
    store.commit(Change::AcceptAttempt { attempt, claim: None }).await?;
    let moved = EventKind::LockMoved { to: Bolt::Unlocked, method: Method::Remote, attempt: Some(id), slot: None };
    let ended = EventKind::AttemptEnded { attempt: id, action: Action::UnlockDoor, succeeded: true };
    let event = |kind| Event {
        id: EventId::new_at(now),
        workspace: device.workspace,
        account: Some(device.account),
        device: Some(device.id),
        occurred_at: now,
        kind,
    };
    let finish = Change::FinishAttempt {
        attempt: id,
        outcome: Outcome::Success { confirmed: true },
        ended_at: Timestamp::now(),
        evidence: evidence(),
        is_awaited_elsewhere: false,
        state: Some((device.id, DeviceState { bolt: Some(Bolt::Unlocked), ..device.state.clone() })),
        events: vec![event(moved), event(ended)],
    };
    Ok(store.commit(finish).await?)
}

/// What is kept of an unlock that the lock confirmed.
fn evidence() -> Evidence {
    let stage = |us, step| Stage { after: Duration::from_micros(us), step };
    let manner = Manner::Tagged(Method::Remote, None);
    let stages = vec![
        stage(5_000, Step::TurnCame),
        stage(5_100, Step::Written),
        stage(5_200, Step::Acknowledged),
        stage(5_300, Step::Reported { said: Said::At(Bolt::Unlocked), manner }),
        stage(5_400, Step::Ended(Rule::ReportedRemote)),
    ];
    Evidence { stages, left_out: 0, words: Some(Words::fixed("report: unlocked by remote")) }
}

fn set_up() -> SetUp {
    let now = Timestamp::now();
    let (workspace, account) = (WorkspaceId::new_at(now), AccountId::new_at(now));
    let device = |n: usize| Device {
        id: DeviceId::new_at(now),
        workspace,
        account,
        provider: Provider::Sandbox,
        about: About {
            native: NativeId(n.to_string()),
            name: format!("Door {n}"),
            device_type: "yale_lock".to_owned(),
            manufacturer: "yale".to_owned(),
            manufacturer_name: "Yale".to_owned(),
            model: "Bench".to_owned(),
            serial_number: None,
            can_lock: true,
            can_unlock: true,
            can_configure_auto_lock: false,
            has_keypad: true,
            has_direct_power: false,
        },
        nickname: None,
        custom_metadata: "{}".to_owned(),
        is_managed: true,
        time_zone: None,
        state: DeviceState { fresh: true, reach: Reach::Online, battery: Some(0.9), ..DeviceState::default() },
        created_at: now,
    };
    SetUp {
        operator: OperatorId::new_at(now),
        workspace: Workspace {
            id: workspace,
            name: "Bench".to_owned(),
            company_name: String::new(),
            is_sandbox: true,
            is_suspended: false,
            publishable_key_enabled: false,
            publishable_key: None,
            customization: "{}".to_owned(),
            created_at: now,
        },
        keys: Vec::new(),
        account: Account {
            id: account,
            workspace,
            provider: Provider::Sandbox,
            display_name: "Sandbox".to_owned(),
            hub_key: "sandbox".to_owned(),
            config: "{}".to_owned(),
            custom_metadata: "{}".to_owned(),
            customer_key: None,
            manages_new_devices: true,
            link: LinkState::Up,
            first_sync_done: true,
            created_at: now,
        },
        devices: (0..DEVICES).map(device).collect(),
        events: Vec::new(),
    }
}
