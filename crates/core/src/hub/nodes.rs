//! One node among several: which accounts it serves, the attempts that others leave to it, and those that it left to others.
//!
//! Notifications say where to look; whoever gets none looks once a second. What is done twice by that does no harm: the
//! database lets an account have one owner, and an attempt one node that takes it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::accounts::Accounts;
use super::lock::{Entry, Job, Message};
use super::shared::Shared;
use crate::attempts::{Attempt, FailureKind, Outcome};
use crate::change::Change;
use crate::events::{Event, EventKind};
use crate::evidence::{Record, Rule};
use crate::ids::{AttemptId, NodeId};
use crate::nodes::{Channel, News, Told, end_of_word};
use crate::ports::{Clock, CommitError, Nodes, StoreError, Waiting};
use crate::time::Moment;

/// How often a node looks by itself.
const LOOK: Duration = Duration::from_secs(1);

/// How many accounts a node that has more than its share gives up at a time.
const GIVEN_UP: usize = 4;

/// How long a session may take to leave; it may be waiting for the database.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);

/// How often what is to be deleted is emptied of attempts that other nodes leave there meanwhile.
const EMPTIED: usize = 8;

/// Takes this node's share of accounts and serves them from now on.
pub(super) async fn start(accounts: &Arc<Accounts>) -> Result<(), StoreError> {
    let Some((nodes, node)) = accounts.node() else { return Ok(()) };
    while take(accounts, nodes, node).await? {}
    let ownership = Ownership { node: nodes.node(), owners: nodes.news(Channel::Owners) };
    let errands = Errands {
        node: nodes.node(),
        attempts: nodes.news(Channel::Attempts),
        ended: nodes.news(Channel::Ended),
        taking: Arc::default(),
    };
    tokio::spawn(ownership.run(Arc::downgrade(accounts)));
    tokio::spawn(errands.run(Arc::downgrade(accounts)));
    Ok(())
}

/// Says that this node is about to stop, and gives up what has nothing to do.
pub(super) async fn leave(accounts: &Accounts) {
    let Some((nodes, node)) = accounts.node() else { return };
    if let Err(error) = nodes.leave(node).await {
        tracing::warn!(%error, "other nodes could not be told that this one stops; they notice when it is gone");
    }
    release_idle(accounts, usize::MAX).await;
}

/// Gives up at most so many accounts where no attempt is in a queue or runs.
pub(super) async fn release_idle(accounts: &Accounts, most: usize) {
    let Some((nodes, node)) = accounts.node() else { return };
    let mut released = Vec::new();
    for account in accounts.keep_only(node, |_| true).await {
        if released.len() >= most {
            break;
        }
        let until = accounts.shared.now().after(LEAVE_LIMIT).steadily();
        tokio::select! {
            biased;
            left = accounts.leave(account) => released.extend(left.then_some(account)),
            () = accounts.shared.clock.sleep_until(until) => {}
        }
    }
    if released.is_empty() {
        return;
    }
    tracing::info!(accounts = released.len(), "giving up accounts for other nodes");
    if let Err(error) = nodes.release(node, released).await {
        // They still are this node's: its next look opens them again.
        tracing::warn!(%error, "accounts could not be given up");
    }
}

/// Takes accounts and opens their sessions; whether there were any.
async fn take(accounts: &Accounts, nodes: &dyn Nodes, node: NodeId) -> Result<bool, StoreError> {
    let taken = nodes.take(node, None).await?;
    let some = !taken.accounts.is_empty();
    if some {
        tracing::info!(accounts = taken.accounts.len(), owned = taken.owned, "serving more accounts");
    }
    let shared = Arc::new(accounts.shared.under(node));
    for account in taken.accounts {
        accounts.open_as(account, Arc::clone(&shared)).await?;
    }
    // What was closed or never opened, and what is not this node's any more.
    if accounts.keep_only(node, |_| true).await.len() != taken.owned {
        let owned = nodes.owned(node).await?;
        let ids: HashSet<_> = owned.iter().map(|account| account.id).collect();
        let open = accounts.keep_only(node, |account| ids.contains(&account)).await;
        for account in owned.into_iter().filter(|account| !open.contains(&account.id)) {
            accounts.open_as(account, Arc::clone(&shared)).await?;
        }
    }
    if taken.surplus > 0 {
        release_idle(accounts, taken.surplus.min(GIVEN_UP)).await;
    }
    Ok(some)
}

/// Which accounts this node serves.
struct Ownership {
    node: watch::Receiver<NodeId>,
    owners: News,
}

impl Ownership {
    async fn run(mut self, accounts: Weak<Accounts>) {
        while let Some(next) = next_look(&accounts) {
            let clock = next.clock;
            tokio::select! {
                biased;
                changed = self.node.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                _ = self.owners.next() => {}
                () = clock.sleep_until(next.at) => {}
            }
            let Some(accounts) = accounts.upgrade() else { return };
            let Some((nodes, node)) = accounts.node() else { return };
            // First of all: what was served for a node that was ended is somebody else's.
            accounts.keep_only(node, |_| true).await;
            if accounts.is_draining() {
                continue;
            }
            loop {
                match take(&accounts, nodes, node).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::warn!(%error, "which accounts are this node's could not be read; looking again soon");
                        break;
                    }
                }
            }
        }
    }
}

struct NextLook {
    clock: Arc<dyn Clock>,
    at: Moment,
}

/// When to look again; `None` once the engine is gone.
fn next_look(accounts: &Weak<Accounts>) -> Option<NextLook> {
    let accounts = accounts.upgrade()?;
    let clock = Arc::clone(&accounts.shared.clock);
    let at = clock.now().after(LOOK).steadily();
    Some(NextLook { clock, at })
}

/// Attempts on their way between nodes.
struct Errands {
    node: watch::Receiver<NodeId>,
    attempts: News,
    ended: News,
    /// Those that are just being taken.
    taking: Arc<Mutex<HashSet<AttemptId>>>,
}

/// What to look at.
enum Look {
    Waiting,
    Ended(Told),
    All,
    Ours,
}

impl Errands {
    async fn run(mut self, accounts: Weak<Accounts>) {
        let Some(mut next) = next_look(&accounts) else { return };
        loop {
            let look = tokio::select! {
                changed = self.node.changed() => match changed {
                    Ok(()) => Look::Ours,
                    Err(_) => return,
                },
                () = next.clock.sleep_until(next.at) => Look::All,
                told = self.ended.next() => Look::Ended(told),
                _ = self.attempts.next() => Look::Waiting,
            };
            let Some(accounts) = accounts.upgrade() else { return };
            let Some((nodes, node)) = accounts.node() else { return };
            let is_all = matches!(look, Look::All);
            if matches!(look, Look::Ours) {
                // Nothing that this process accepted runs here any more.
                accounts.shared.waiters.all_end_elsewhere();
            }
            if is_all || matches!(look, Look::Waiting) {
                // Whatever was told until now is seen by one look.
                while self.attempts.ready().is_some() {}
                self.take_waiting(&accounts, nodes, node).await;
            }
            if let Look::Ended(told) = look {
                let told: Vec<Told> = std::iter::once(told).chain(std::iter::from_fn(|| self.ended.ready())).collect();
                let only = wake_told(&accounts.shared, &told);
                if only.as_ref().is_none_or(|only| !only.is_empty()) {
                    wake(&accounts.shared, nodes, only.as_ref()).await;
                }
            } else if is_all {
                wake(&accounts.shared, nodes, None).await;
            }
            if is_all {
                let at = next.clock.now().after(LOOK).steadily();
                next.at = at;
            }
        }
    }

    /// Puts what others left to this node into the queues of its locks.
    async fn take_waiting(&self, accounts: &Accounts, nodes: &dyn Nodes, node: NodeId) {
        if accounts.is_draining() {
            return;
        }
        let waiting = match nodes.waiting(node).await {
            Ok(waiting) => waiting,
            Err(error) => {
                tracing::warn!(%error, "the attempts that wait for this node could not be read; looking again soon");
                return;
            }
        };
        let shared = Arc::new(accounts.shared.under(node));
        for waiting in waiting {
            let id = waiting.attempt.id;
            if self.taking.lock().unwrap_or_else(PoisonError::into_inner).insert(id) {
                let taking = Taking { id, all: Arc::clone(&self.taking) };
                take_one(accounts, &shared, node, waiting, taking);
            }
        }
    }
}

/// An attempt that is just being taken, for as long as this lives.
struct Taking {
    id: AttemptId,
    all: Arc<Mutex<HashSet<AttemptId>>>,
}

impl Drop for Taking {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// Puts one attempt into its lock's queue: it runs once it is this node's on disk. Where the queue is full or the lock not
/// yet served it stays, until its time is over.
fn take_one(accounts: &Accounts, shared: &Arc<Shared>, node: NodeId, waiting: Waiting, taking: Taking) {
    let Waiting { attempt, command, age } = waiting;
    // The earlier of both views: the clocks of nodes may differ.
    let there = shared.now().before(age);
    let accepted = Moment { wall: there.wall.min(attempt.created_at), steady: there.steady };
    let handle = attempt.device.and_then(|device| accounts.directory.find(device));
    let handle = handle.filter(|handle| handle.tenure == Some(node));
    let entered = handle.filter(|handle| handle.load.enter(shared.settings.queue_per_lock) == Entry::In);
    let (id, shared) = (attempt.id, Arc::clone(shared));
    let Some(handle) = entered else {
        if age > shared.settings.deadline {
            tokio::spawn(async move {
                let _taking = taking;
                end(&shared, &attempt, accepted, FailureKind::Expired, Rule::TooLate).await
            });
        }
        return;
    };
    let (on_disk, durable) = oneshot::channel();
    let action = attempt.action;
    if handle.mailbox.try_send(Message::Run(Box::new(Job { attempt, command, accepted, durable }))).is_err() {
        return handle.load.leave();
    }
    tokio::spawn(async move {
        let _taking = taking;
        // A job whose acceptance is not on disk is dropped in its turn.
        if shared.commit(Change::AttemptTaken { attempt: id, by: node }).await.is_ok() {
            shared.meter.accepted(handle.provider, action);
            let _ = on_disk.send(());
        }
    });
}

/// Wakes whoever waits for attempts of which it was told how they ended. Gives those of which it was not; `None`: any.
fn wake_told(shared: &Shared, told: &[Told]) -> Option<HashSet<AttemptId>> {
    let mut only = Some(HashSet::new());
    for told in told {
        let Told::Words(words) = told else {
            only = None;
            continue;
        };
        for word in words.split(' ') {
            match end_of_word(word) {
                Some((attempt, Some(outcome))) => shared.waiters.wake(attempt, outcome),
                Some((attempt, None)) => only.iter_mut().for_each(|only| only.extend([attempt])),
                None => only = None,
            }
        }
    }
    only
}

/// Wakes whoever waits for attempts that ended elsewhere.
async fn wake(shared: &Shared, nodes: &dyn Nodes, only: Option<&HashSet<AttemptId>>) {
    let mut awaited = shared.waiters.elsewhere();
    awaited.retain(|attempt| only.is_none_or(|only| only.contains(attempt)));
    if awaited.is_empty() {
        return;
    }
    match nodes.ends(awaited).await {
        Ok(ends) => {
            for (attempt, outcome) in ends {
                match outcome {
                    Some(outcome) => shared.waiters.wake(attempt, outcome),
                    None => shared.waiters.forget(attempt),
                }
            }
        }
        Err(error) => tracing::warn!(%error, "how attempts ended elsewhere could not be read; looking again soon"),
    }
}

/// Ends an attempt that is in no queue.
async fn end(shared: &Shared, attempt: &Attempt, accepted: Moment, kind: FailureKind, rule: Rule) {
    let (now, outcome) = (shared.now(), Outcome::Failure(kind.into()));
    let event = EventKind::of_end(attempt.id, attempt.action, false).map(|kind| Event {
        id: shared.next_event(),
        workspace: attempt.workspace,
        account: attempt.account,
        device: attempt.device,
        occurred_at: now.wall,
        kind,
    });
    let change = Change::FinishAttempt {
        attempt: attempt.id,
        outcome: outcome.clone(),
        ended_at: now.wall,
        evidence: Record::since(accepted).ended(now, rule),
        is_awaited_elsewhere: true,
        state: None,
        events: event.into_iter().collect(),
    };
    if shared.commit(change).await.is_ok() {
        shared.waiters.wake(attempt.id, outcome);
    }
}

impl Shared {
    /// Deletes something that must have no pending attempts; it conflicts under this name while it has. Those that other
    /// nodes left there, and which `is_there`, end first.
    pub(super) async fn emptied<F: Future<Output = Result<(), CommitError>>>(
        &self,
        is_there: impl Fn(&Attempt) -> bool,
        conflict: &'static str,
        delete: impl Fn() -> F,
    ) -> Result<(), CommitError> {
        let Some((nodes, node)) = self.store.nodes().zip(self.tenure) else { return delete().await };
        let mut left = EMPTIED;
        loop {
            for waiting in nodes.waiting(node).await?.into_iter().filter(|waiting| is_there(&waiting.attempt)) {
                let accepted = self.now().before(waiting.age);
                end(self, &waiting.attempt, accepted, FailureKind::DeviceRemoved, Rule::Deleted).await;
            }
            match delete().await {
                Err(CommitError::Conflict(what)) if what == conflict && left > 0 => left -= 1,
                other => return other,
            }
        }
    }
}
