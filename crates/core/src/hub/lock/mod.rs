//! One task per lock: its queue, the attempt whose turn it is, and everything the lock says.
//!
//! Invariants: commands for one lock run one at a time in order of arrival; the task never waits for another lock, and
//! never for its hub: a command or a read that the driver is slow to hand over runs beside the mailbox. An attempt is
//! written only after it is on disk, and its waiter is woken only after its end is on disk.

mod budget;
mod handle;
mod heard;
mod reads;
mod records;
mod turns;

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::observed::{Observed, Unresolved};
use super::recovery::Recovery;
use super::shared::Shared;
use crate::attempt::{self, Input};
use crate::attempts::{Attempt, FailureKind, Outcome};
use crate::devices::Device;
use crate::events::Event;
use crate::evidence::{End, Rule};
use crate::locks::{Traits, Unavailable};
use crate::memory::{Fact, Memory};
use crate::ports::{Clock, Link};
use crate::time::Moment;

use handle::MAILBOX;
pub(crate) use handle::{Entry, Job, Load, LockHandle, Message};
use reads::Reads;
use turns::{Carrying, Running};

pub(crate) struct LockTask {
    shared: Arc<Shared>,
    load: Arc<Load>,
    device: Box<Device>,
    traits: Traits,
    /// Whether the driver has described the lock in this session. Before the first time, `traits` are a guess.
    described: bool,
    observed: Observed,
    memory: Memory,
    link: Option<Arc<dyn Link>>,
    unavailable: Option<Unavailable>,
    queue: VecDeque<Box<Job>>,
    running: Option<Running>,
    carrying: Option<Carrying>,
    reads: Reads,
    /// A first word of the wanted position, heard while an attempt is out: told in its name if it is confirmed.
    deferred: Option<Fact>,
    unresolved: Unresolved,
    recovery: Option<Recovery>,
    /// What is to be told in the next commit of the state, if it needs one.
    unstored: Option<Vec<Event>>,
}

/// Messages after which the state is stored even if more are waiting.
const TOGETHER: u32 = 32;

/// Starts the task of one lock. `traits` are a guess unless `described`.
pub(crate) fn spawn(
    shared: Arc<Shared>,
    device: Device,
    traits: Traits,
    described: bool,
    leftovers: Vec<Attempt>,
) -> LockHandle {
    let (mailbox, messages) = mpsc::channel(MAILBOX);
    let (load, provider) = (Arc::new(Load::default()), device.provider);
    let (now, tenure) = (shared.now(), shared.tenure);
    let recovery = Recovery::of(leftovers, now, now.after(shared.settings.recovery).steadily());
    let task = LockTask {
        load: Arc::clone(&load),
        traits,
        described,
        observed: Observed { state: device.state.clone(), managed: device.is_managed },
        device: Box::new(device),
        memory: Memory::default(),
        link: None,
        unavailable: None,
        queue: VecDeque::new(),
        running: None,
        carrying: None,
        reads: Reads::default(),
        deferred: None,
        unresolved: Unresolved::default(),
        recovery,
        unstored: None,
        shared,
    };
    tokio::spawn(task.run(messages));
    LockHandle { mailbox, load, provider, tenure }
}

impl LockTask {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        // What a stopped server knew is old, however it stopped.
        self.memory.session_began(self.shared.now());
        self.note(Observed::forget).await;
        let mut heard: u32 = 0;
        loop {
            if messages.is_empty() || !self.is_idle() || heard >= TOGETHER {
                self.store_state().await;
                heard = 0;
            }
            heard += 1;
            self.take_turns().await;
            let wake = self.wake_at();
            let clock = Arc::clone(&self.shared.clock);
            tokio::select! {
                biased;
                written = turns::written(&mut self.carrying) => self.carried_out(written).await,
                unasked = self.reads.unasked() => self.read_failed(unasked).await,
                message = messages.recv() => match message {
                    Some(Message::Stop(done)) => {
                        self.stop(messages).await;
                        let _ = done.send(());
                        return;
                    }
                    Some(Message::Leave(done)) => {
                        // What was heard before is this node's to tell.
                        self.store_state().await;
                        let _ = done.send(());
                        return;
                    }
                    Some(message) => self.on_message(message).await,
                    None => return,
                },
                () = sleep_until(&*clock, wake) => {}
            }
            self.on_time(messages.is_empty()).await;
        }
    }

    /// Whether no attempt waits or runs, nor one that a stopped server left over.
    fn is_idle(&self) -> bool {
        self.running.is_none() && self.queue.is_empty() && self.recovery.is_none()
    }

    fn wake_at(&self) -> Option<Moment> {
        let running = self.running.as_ref().and_then(|running| attempt::wake_at(&running.terms, &running.state));
        let queued = self.queue.front().map(|job| self.terms(job).send_by());
        let recovering = self.recovery.as_ref().map(|recovery| recovery.until);
        [running, queued, recovering, self.memory.wake_at(), self.reads.due()]
            .into_iter()
            .flatten()
            .reduce(Moment::or_earlier)
    }

    async fn on_message(&mut self, message: Message) {
        self.notice_write().await;
        match message {
            Message::Run(job) => self.queue.push_back(job),
            Message::LinkUp(link) => self.link_up(link).await,
            Message::LinkDown(because) => self.link_down(because).await,
            Message::Resync => self.resync().await,
            Message::Described { about, traits } => self.described(about, traits).await,
            Message::Reach(reach) => self.reach(reach).await,
            Message::Said(told) => self.said(&told.0, told.1.as_ref()).await,
            Message::Battery(level) => self.note(|observed| observed.battery(level)).await,
            Message::AutoLock(told) => self.note(|observed| observed.auto_lock(told)).await,
            Message::SubscriptionEnded(ended) => {
                let since = self.shared.now().wall;
                self.note(|observed| observed.subscription(ended, since)).await;
            }
            Message::Door(open) => self.note(|observed| observed.door(open)).await,
            Message::Denied(reason, at) => self.denied(reason, at).await,
            Message::Answered(told) => {
                let (attempt, answer, at, words) = *told;
                self.answered(attempt, answer, at, words.as_ref()).await;
            }
            Message::ReadFailed(read) => self.read_failed(read).await,
            Message::Gone => self.gone().await,
            Message::Managed(managed) => self.observed.managed = managed,
            Message::Ping(done) => {
                self.store_state().await;
                let _ = done.send(());
            }
            Message::DealtWith(done) => {
                self.tell_held().await;
                self.store_state().await;
                done.notify_one();
            }
            Message::Lagging | Message::Stop(_) | Message::Leave(_) => {}
        }
    }

    /// What time alone brings about: held-back facts, reads that are due, deadlines, lags.
    async fn on_time(&mut self, mailbox_is_empty: bool) {
        self.notice_write().await;
        let now = self.shared.now();
        // What waits in the mailbox may be the cause.
        if mailbox_is_empty && let Some(fact) = self.memory.tick(now) {
            self.on_fact(fact).await;
        }
        if self.running.is_some() {
            self.input(Input::Tick).await;
        }
        self.expire_queue(now).await;
        if self.recovery.as_ref().is_some_and(|recovery| now.reached(recovery.until)) {
            self.recovered(None).await;
        }
        if mailbox_is_empty && let Some(missed) = self.load.lagged() {
            tracing::warn!(device.id = %self.device.id, "reports were dropped; asking the lock for its state");
            if let Some(missed) = missed {
                self.on_message(missed).await;
            }
            if self.traits.readable {
                self.want_read();
            } else {
                // What it said is lost and cannot be asked for.
                self.memory.forget_position();
                self.note(Observed::forget).await;
            }
        }
        if self.reads.due().is_some_and(|due| now.reached(due)) {
            self.ask_for_state();
        }
    }

    /// The account is being deleted: what is queued never ran, what was written is unknown.
    async fn stop(&mut self, mut messages: mpsc::Receiver<Message>) {
        self.notice_write().await;
        self.store_state().await;
        messages.close();
        while let Some(message) = messages.recv().await {
            match message {
                Message::Run(job) => self.queue.push_back(job),
                Message::Stop(done) | Message::Leave(done) => drop(done.send(())),
                _ => {}
            }
        }
        self.recovered(None).await;
        if self.running.is_some() {
            let kind = if self.has_left() { FailureKind::OutcomeUnknown } else { FailureKind::DeviceRemoved };
            self.finish(End { outcome: Outcome::Failure(kind.into()), rule: Rule::Deleted }, None).await;
        }
        while !self.queue.is_empty() {
            self.end_queued(0, FailureKind::DeviceRemoved.into(), Rule::Deleted).await;
        }
    }
}

async fn sleep_until(clock: &dyn Clock, wake: Option<Moment>) {
    match wake {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
