//! A store in memory that checks at each commit what every commit must hold, and can be told to fail or to be slow.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use thumbturn_core::accounts::Account;
use thumbturn_core::attempts::{Attempt, FailureKind, Outcome};
use thumbturn_core::change::{Change, IdempotencyClaim};
use thumbturn_core::devices::{Device, DeviceState};
use thumbturn_core::events::{Event, EventKind};
use thumbturn_core::evidence::{Evidence, Manner, Rule, Step};
use thumbturn_core::ids::{AccountId, AttemptId, DeviceId, EventId, NativeId};
use thumbturn_core::ports::{CommitError, Later, Said, Store, StoreError};
use thumbturn_core::spaces::Occupied;

use crate::clock::SimClock;
use crate::rooms::Rooms;

#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) accounts: HashMap<AccountId, Account>,
    pub(crate) devices: HashMap<DeviceId, Device>,
    pub(crate) attempts: HashMap<AttemptId, Attempt>,
    /// What was kept of those that ended.
    pub(crate) evidence: HashMap<AttemptId, Evidence>,
    /// In the order in which they ended.
    pub(crate) ended: Vec<AttemptId>,
    pub(crate) events: Vec<Event>,
    pub(crate) rooms: Rooms,
    pub(crate) commits: usize,
    /// Locks that can get no record.
    pub(crate) refuses: HashSet<NativeId>,
    claims: HashSet<(String, &'static str)>,
    seen: HashSet<EventId>,
    faults: Vec<String>,
}

pub(crate) struct MemoryStore {
    clock: Arc<SimClock>,
    rows: Mutex<Rows>,
    fails: AtomicBool,
    taken: AtomicBool,
    delay_ms: AtomicU64,
    /// Commits that are waited for, and the most of them at once.
    waiting: [AtomicUsize; 2],
}

impl MemoryStore {
    pub(crate) fn new(clock: Arc<SimClock>) -> Self {
        Self {
            clock,
            rows: Mutex::default(),
            fails: AtomicBool::new(false),
            taken: AtomicBool::new(false),
            delay_ms: AtomicU64::new(0),
            waiting: Default::default(),
        }
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut Rows) -> T) -> T {
        look(&mut self.rows.lock().unwrap())
    }

    pub(crate) fn fails(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }

    /// Another process commands the hubs from now on.
    pub(crate) fn is_taken(&self) {
        self.taken.store(true, Ordering::Relaxed);
    }

    pub(crate) fn takes(&self, ms: u64) {
        self.delay_ms.store(ms, Ordering::Relaxed);
    }

    /// How many commits were waited for at once, at most.
    pub(crate) fn most_waiting(&self) -> usize {
        self.waiting[1].load(Ordering::Relaxed)
    }

    fn waits(&self) -> impl Drop + '_ {
        struct Waits<'a>(&'a AtomicUsize);
        impl Drop for Waits<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let now = self.waiting[0].fetch_add(1, Ordering::Relaxed) + 1;
        self.waiting[1].fetch_max(now, Ordering::Relaxed);
        Waits(&self.waiting[0])
    }

    /// Everything that broke an invariant.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.look(|rows| rows.faults.clone())
    }
}

/// The store as one server sees it. A server that was killed neither reads nor writes any more.
pub(crate) struct Server {
    store: Arc<MemoryStore>,
    killed: AtomicBool,
}

impl Server {
    pub(crate) fn of(store: &Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self { store: Arc::clone(store), killed: AtomicBool::new(false) })
    }

    pub(crate) fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
    }
}

impl Store for Server {
    fn may_command(&self) -> bool {
        !self.store.taken.load(Ordering::Relaxed)
    }

    fn commit(&self, change: Change) -> Later<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let delay = self.store.delay_ms.load(Ordering::Relaxed);
            let _waiting = self.store.waits();
            if delay > 0 {
                self.store.clock.pass(delay).await;
            }
            if self.killed.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            self.store.commit(change)
        })
    }

    fn accounts(&self) -> Later<'_, Result<Vec<Account>, StoreError>> {
        self.store.accounts()
    }

    fn devices_of(&self, account: AccountId) -> Later<'_, Result<Vec<Device>, StoreError>> {
        self.store.devices_of(account)
    }

    fn unfinished_attempts(&self, account: AccountId) -> Later<'_, Result<Vec<Attempt>, StoreError>> {
        self.store.unfinished_attempts(account)
    }

    fn spaces_around(&self, account: AccountId) -> Later<'_, Result<Vec<Occupied>, StoreError>> {
        let around = self.store.look(|rows| rows.rooms.around(account, &rows.devices));
        Box::pin(async { Ok(around) })
    }
}

impl MemoryStore {
    fn commit(&self, change: Change) -> Result<(), CommitError> {
        if self.fails.load(Ordering::Relaxed) {
            let full = std::io::Error::other("the disk is full");
            return Err(CommitError::Store(StoreError::Unavailable(Arc::new(full))));
        }
        self.look(|rows| {
            let told = rows.events.len();
            let done = rows.commit(change);
            let faults = rows.rooms.check(&rows.devices, &rows.events[told..]);
            rows.faults.extend(faults);
            done
        })
    }

    fn accounts(&self) -> Later<'_, Result<Vec<Account>, StoreError>> {
        Box::pin(async { Ok(self.look(|rows| rows.accounts.values().cloned().collect())) })
    }

    fn devices_of(&self, account: AccountId) -> Later<'_, Result<Vec<Device>, StoreError>> {
        let devices =
            self.look(|rows| rows.devices.values().filter(|device| device.account == account).cloned().collect());
        Box::pin(async { Ok(devices) })
    }

    fn unfinished_attempts(&self, account: AccountId) -> Later<'_, Result<Vec<Attempt>, StoreError>> {
        let mut attempts: Vec<Attempt> = self.look(|rows| {
            let mine = |attempt: &&Attempt| attempt.account == Some(account) && attempt.outcome.is_none();
            rows.attempts.values().filter(mine).cloned().collect()
        });
        attempts.sort_by_key(|attempt| attempt.id);
        Box::pin(async { Ok(attempts) })
    }
}

impl Rows {
    fn commit(&mut self, change: Change) -> Result<(), CommitError> {
        self.commits += 1;
        match change {
            Change::AcceptAttempt { attempt, claim } => return self.accept(attempt, claim),
            Change::FinishAttempt { attempt, outcome, evidence, state, events, .. } => {
                self.check_evidence(attempt, &outcome, &evidence);
                self.evidence.entry(attempt).or_insert(evidence);
                return self.finish(attempt, outcome, state, events);
            }
            Change::DeviceChanged { device, state, events } => {
                self.set_state(device, state)?;
                self.tell(events);
            }
            Change::DevicesFound { devices, events } => {
                if devices.iter().any(|device| self.refuses.contains(&device.about.native)) {
                    return Err(CommitError::Conflict("native_id"));
                }
                self.devices.extend(devices.into_iter().map(|device| (device.id, device)));
                self.tell(events);
            }
            Change::DeviceSeen { device, events } => {
                self.devices.insert(device.id, *device);
                self.tell(events);
            }
            Change::AccountCreated { account, events } => {
                self.accounts.insert(account.id, *account);
                self.tell(events);
            }
            Change::AccountEdited { account, edit } => {
                let Some(row) = self.accounts.get_mut(&account) else { return Err(CommitError::Conflict("account")) };
                row.manages_new_devices = edit.manages_new_devices.unwrap_or(row.manages_new_devices);
            }
            Change::AccountLink { account, link, first_sync_done, events } => {
                let Some(row) = self.accounts.get_mut(&account) else { return Err(CommitError::Conflict("account")) };
                row.link = link;
                row.first_sync_done = first_sync_done;
                self.tell(events);
            }
            Change::AccountDeleted { account, events } => {
                let pending = |attempt: &&Attempt| attempt.account == Some(account) && attempt.outcome.is_none();
                if let Some(attempt) = self.attempts.values().find(pending).map(|attempt| attempt.id) {
                    self.fault(attempt, "pending while its account is deleted");
                }
                self.accounts.remove(&account);
                self.devices.retain(|_, device| device.account != account);
                self.tell(events);
            }
            Change::DeviceDeleted { device, events } => {
                if self.devices.remove(&device).is_none() {
                    return Err(CommitError::Conflict("device"));
                }
                self.tell(events);
            }
            Change::DeviceEdited { device, after, events, .. } => {
                let Some(row) = self.devices.get_mut(&device) else { return Err(CommitError::Conflict("device")) };
                row.is_managed = after.is_managed;
                self.tell(events);
            }
            Change::WorkspaceReset(reset) => {
                let workspace = reset.attempt.workspace;
                self.accounts.retain(|_, account| account.workspace != workspace);
                self.devices.retain(|_, device| device.workspace != workspace);
                self.attempts.retain(|_, attempt| attempt.workspace != workspace);
                self.accounts.extend(reset.account.map(|account| (account.id, account)));
                self.devices.extend(reset.devices.into_iter().map(|device| (device.id, device)));
                self.attempts.insert(reset.attempt.id, reset.attempt);
                self.rooms = Rooms::default();
            }
            other => panic!("the engine does not make this change: {other:?}"),
        }
        Ok(())
    }

    fn accept(&mut self, attempt: Attempt, claim: Option<IdempotencyClaim>) -> Result<(), CommitError> {
        if let Some(claim) = claim
            && !self.claims.insert((claim.key.0, claim.path))
        {
            return Err(CommitError::Conflict("idempotency_key"));
        }
        self.attempts.insert(attempt.id, attempt);
        Ok(())
    }

    fn set_state(&mut self, device: DeviceId, state: DeviceState) -> Result<(), CommitError> {
        let Some(row) = self.devices.get_mut(&device) else { return Err(CommitError::Conflict("device")) };
        row.state = state;
        Ok(())
    }

    fn finish(
        &mut self,
        id: AttemptId,
        outcome: Outcome,
        state: Option<(DeviceId, DeviceState)>,
        events: Vec<Event>,
    ) -> Result<(), CommitError> {
        let Some(attempt) = self.attempts.get_mut(&id) else { return Err(CommitError::Conflict("attempt")) };
        if attempt.outcome.is_some() {
            self.fault(id, "ended twice");
            return Err(CommitError::Conflict("attempt"));
        }
        attempt.outcome = Some(outcome.clone());
        let attempt = attempt.clone();
        self.ended.push(id);
        let before = attempt.device.and_then(|id| self.devices.get(&id)).map(|device| device.state.clone());
        let state_is_the_same = state.as_ref().is_none_or(|(_, state)| Some(state) == before.as_ref());
        if let Some((device, state)) = state {
            self.set_state(device, state)?;
        }
        self.check_end(&attempt, &outcome, &events, state_is_the_same);
        self.tell(events);
        Ok(())
    }

    fn check_end(&mut self, attempt: &Attempt, outcome: &Outcome, events: &[Event], state_is_the_same: bool) {
        let ends = events.iter().filter(|event| matches!(event.kind, EventKind::AttemptEnded { .. })).count();
        let ended = EventKind::of_end(attempt.id, attempt.action, outcome.succeeded());
        let told = |kind: &EventKind| events.iter().any(|event| event.kind == *kind);
        if ends != usize::from(ended.is_some()) || !ended.as_ref().is_none_or(told) {
            self.fault(attempt.id, "not exactly one action_attempt event");
        }
        let moves = events.iter().filter(|event| matches!(event.kind, EventKind::LockMoved { .. })).count();
        let named = events.iter().filter(|event| names(event) == Some(attempt.id)).count();
        let Some(device) = attempt.device.and_then(|id| self.devices.get(&id)) else { return };
        let Some(wanted) = attempt.action.wanted() else { return };
        let state = device.state.clone();
        match outcome {
            Outcome::Success { confirmed: true } => {
                if device.is_managed && (named != 1 || moves != 1) {
                    self.fault(attempt.id, "a confirmed success without exactly one lock event");
                }
                let proven = state.fresh && state.jammed_since.is_none() && state.bolt == Some(wanted);
                if !proven {
                    self.fault(attempt.id, "a confirmed success without its state");
                }
            }
            Outcome::Success { confirmed: false } if moves > 0 || !state_is_the_same => {
                self.fault(attempt.id, "an unconfirmed success that changes something");
            }
            Outcome::Failure(failure) if failure.kind == FailureKind::LockJammed && state.jammed_since.is_none() => {
                self.fault(attempt.id, "a jam that is not in the state");
            }
            Outcome::Failure(_) if named > 0 => self.fault(attempt.id, "a failure that claims a movement"),
            _ => {}
        }
    }

    /// What is kept of an attempt must bear out how it ended.
    fn check_evidence(&mut self, attempt: AttemptId, outcome: &Outcome, evidence: &Evidence) {
        let Some(rule) = evidence.rule() else { return self.fault(attempt, "ended without a rule") };
        let has = |step: fn(&Step) -> bool| evidence.first(step).is_some();
        let was_written = has(|step| *step == Step::Written);
        let was_restarted = has(|step| *step == Step::Restarted);
        let confirms = matches!(rule, Rule::ReportedRemote | Rule::ReportedChange | Rule::ReadBack | Rule::HubWord);
        if confirms != (*outcome == Outcome::Success { confirmed: true }) {
            self.fault(attempt, "confirmed by a rule that does not confirm, or the other way round");
        }
        let after_write = |stage: &Step| {
            let from = evidence.stages.iter().skip_while(|stage| stage.step != Step::Written);
            from.skip(1).any(|heard| std::mem::discriminant(&heard.step) == std::mem::discriminant(stage))
        };
        let said = Step::Reported { said: Said::Unsure, manner: Manner::Read };
        if confirms && rule != Rule::HubWord && !after_write(&said) {
            self.fault(attempt, "confirmed, and nothing reported after the write is kept");
        }
        if rule == Rule::ReadBack && !after_write(&Step::ReadAsked) && evidence.left_out == 0 {
            self.fault(attempt, "read back without a read");
        }
        if matches!(rule, Rule::TooLate | Rule::Unavailable | Rule::Unmanaged | Rule::NotHandedOver) == was_written {
            let ended_otherwise = matches!(rule, Rule::Deleted | Rule::RestartRead | Rule::RestartUnknown);
            if !ended_otherwise {
                self.fault(attempt, "written by its evidence and not by its rule, or the other way round");
            }
        }
        if was_restarted != matches!(rule, Rule::RestartRead | Rule::RestartUnknown) {
            self.fault(attempt, "settled after a restart by another rule, or the other way round");
        }
        if !evidence.stages.is_sorted_by_key(|stage| stage.after) {
            self.fault(attempt, "stages out of order");
        }
    }

    fn tell(&mut self, events: Vec<Event>) {
        for event in events {
            if !self.seen.insert(event.id) {
                self.fault(event.id, "an event id used twice");
            }
            if let Some(attempt) = names(&event)
                && self.events.iter().any(|earlier| names(earlier) == Some(attempt))
            {
                self.fault(attempt, "named by two lock events");
            }
            self.events.push(event);
        }
    }

    fn fault(&mut self, whose: impl Display, what: &str) {
        self.faults.push(format!("{whose}: {what}"));
    }
}

/// The attempt that a lock event names.
fn names(event: &Event) -> Option<AttemptId> {
    let EventKind::LockMoved { attempt, .. } = event.kind else { return None };
    attempt
}
