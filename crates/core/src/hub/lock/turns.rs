//! Attempts: their turn, their command on its way to the hub, and their end.

use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use super::{Job, LockTask};
use crate::attempt::{self, Effect, Input, State, Terms};
use crate::attempts::{Attempt, Failure, FailureKind, Outcome};
use crate::commands::Command;
use crate::events::{Event, EventKind, Method};
use crate::evidence::{End, Record, Rule, Step};
use crate::hub::guard::guarded;
use crate::hub::observed::{Credit, Unresolved};
use crate::locks::{Bolt, Unavailable};
use crate::memory::{Fact, Known, What};
use crate::ports::{Gate, Later, NotWritten, Order, ReadId};
use crate::time::Moment;

/// The attempt whose turn it is.
pub(super) struct Running {
    pub(super) attempt: Attempt,
    pub(super) command: Command,
    pub(super) terms: Terms,
    pub(super) state: State,
    /// The last read that was asked for it.
    pub(super) asked: Option<ReadId>,
    /// Where and when the lock last told its position since the command was written.
    pub(super) told: Option<(Bolt, Moment)>,
    /// When a movement that the command caused must be over.
    settled: Option<Moment>,
    /// What is kept of it.
    pub(super) record: Record,
}

impl Running {
    /// Whether what the lock told still holds at the end: it was where it should be, or the movement had to be over.
    fn told_its_rest(&self) -> bool {
        self.told.is_some_and(|(bolt, at)| {
            Some(bolt) == self.terms.wanted || self.settled.is_some_and(|settled| at.steady >= settled.steady)
        })
    }
}

/// What is said of a command that a fault of the driver kept from being written.
const DRIVER_FAILED: &str = "A fault of the server kept the command from being sent.";

/// What is said of an attempt that had not had its turn when its device became unmanaged.
const UNMANAGED: &str = "The device became unmanaged before the turn of this attempt came. No command was sent.";

/// A command that the driver is handing over. Dropping it stops the driver before it asks its gate.
pub(super) struct Carrying {
    handing_over: Later<'static, Result<(), NotWritten>>,
    began: Moment,
    passed: Arc<OnceLock<Moment>>,
}

/// Returns once the driver has done with the command.
pub(super) async fn written(carrying: &mut Option<Carrying>) -> Result<(), NotWritten> {
    poll_fn(|context| match carrying {
        Some(carrying) => carrying.handing_over.as_mut().poll(context),
        None => Poll::Pending,
    })
    .await
}

impl LockTask {
    pub(super) fn terms(&self, job: &Job) -> Terms {
        let deadline = self.shared.settings.deadline;
        Terms {
            wanted: job.attempt.action.wanted(),
            deadline: job.accepted.after(deadline),
            traits: self.traits.within(deadline),
        }
    }

    /// Gives the next attempts their turn, until one is running or the queue is empty.
    pub(super) async fn take_turns(&mut self) {
        while self.running.is_none() && self.recovery.is_none() && self.may_start() {
            let Some(job) = self.queue.pop_front() else { return };
            self.start(job).await;
        }
    }

    /// While the first connection is being made, or the driver has not yet said how the lock behaves, attempts wait:
    /// without the margin nobody knows until when a command may be written.
    fn may_start(&self) -> bool {
        self.unavailable.is_some() || (self.link.is_some() && self.described)
    }

    async fn start(&mut self, mut job: Box<Job>) {
        if (&mut job.durable).await.is_err() {
            self.load.leave();
            return;
        }
        self.tell_held().await;
        let terms = self.terms(&job);
        let input = match (self.unavailable_for(&job.command), &self.link) {
            (Some(unavailable), _) => Input::Unavailable(unavailable),
            (None, Some(_)) => Input::TurnCame,
            (None, None) => Input::Unavailable(Unavailable::HubDisconnected),
        };
        let Job { attempt, command, accepted, .. } = *job;
        let mut record = Record::since(accepted);
        record.note(self.shared.now(), Step::TurnCame);
        let (state, asked, told, settled) = (State::Waiting, None, None, None);
        self.running = Some(Running { attempt, command, terms, state, asked, told, settled, record });
        self.input(input).await;
    }

    /// Why `command` cannot be given at present. What a lock does alone needs its hub only to be told of it.
    pub(super) fn unavailable_for(&self, command: &Command) -> Option<Unavailable> {
        let is_alone = |why: &Unavailable| *why != Unavailable::DeviceRemoved && self.link.is_some();
        self.unavailable.filter(|why| command.needs_reach() || !is_alone(why))
    }

    /// Ends queued attempts whose time is over, or whose lock is known to be out of reach or is no longer ours to
    /// command.
    pub(super) async fn expire_queue(&mut self, now: Moment) {
        let mut at = 0;
        while let Some(job) = self.queue.get(at) {
            let end: Option<(Failure, Rule)> = match self.unavailable_for(&job.command) {
                _ if now.reached(self.terms(job).send_by()) => Some((FailureKind::Expired.into(), Rule::TooLate)),
                Some(unavailable) => Some((FailureKind::from(unavailable).into(), Rule::Unavailable)),
                None if !self.observed.managed => {
                    let failure = Failure { kind: FailureKind::CommandRejected, message: UNMANAGED.to_owned() };
                    Some((failure, Rule::Unmanaged))
                }
                None => None,
            };
            match end {
                Some((failure, rule)) => self.end_queued(at, failure, rule).await,
                None => at += 1,
            }
        }
    }

    pub(super) async fn end_queued(&mut self, at: usize, failure: Failure, rule: Rule) {
        let Some(mut job) = self.queue.remove(at) else { return };
        if (&mut job.durable).await.is_ok() {
            let end = End { outcome: Outcome::Failure(failure), rule };
            self.commit_end(&job.attempt, end, Record::since(job.accepted), Vec::new(), false).await;
        }
        self.load.leave();
    }

    /// Feeds the running attempt and carries out what follows.
    pub(super) async fn input(&mut self, input: Input) {
        let effect = self.step(&input);
        self.perform(effect, None).await;
    }

    pub(super) fn step(&mut self, input: &Input) -> Effect {
        let Some(running) = &mut self.running else { return Effect::Nothing };
        let (state, effect) = attempt::step(&running.terms, running.state, input, self.shared.clock.now());
        running.state = state;
        if let State::Written(written) = &running.state {
            running.settled = Some(written.settled(&running.terms));
        }
        effect
    }

    /// Carries out one effect; `fact` is what brought it about, told in the same commit if it ends the attempt.
    pub(super) async fn perform(&mut self, effect: Effect, fact: Option<Fact>) {
        match effect {
            Effect::Nothing => {}
            Effect::Write => self.hand_over(),
            Effect::Ask => {
                let read = self.ask();
                if let Some(running) = &mut self.running {
                    running.asked = Some(read);
                }
            }
            // Boxed: the task of a lock that waits, as most do, must not hold room for it.
            Effect::Finish(end) => Box::pin(self.finish(end, fact)).await,
        }
    }

    /// Keeps what happens now as evidence of the attempt that runs, or of those that a stopped server left over.
    pub(super) fn note_step(&mut self, step: Step) {
        let now = self.shared.clock.now();
        if let Some(running) = &mut self.running {
            running.record.note(now, step);
        } else if let Some(recovery) = &mut self.recovery {
            recovery.heard(now, step, None);
        }
    }

    /// Gives the command to the driver, beside everything else that the task does.
    fn hand_over(&mut self) {
        let (Some(running), Some(link)) = (&self.running, &self.link) else { return };
        let order = Order {
            attempt: running.attempt.id,
            lock: self.device.about.native.clone(),
            command: running.command.clone(),
        };
        let (link, clock) = (Arc::clone(link), Arc::clone(&self.shared.clock));
        let standing = Arc::clone(&self.shared);
        let (send_by, passed) = (running.terms.send_by(), Arc::new(OnceLock::new()));
        let gate = Arc::clone(&passed);
        let handing_over = Box::pin(async move {
            let carrying = guarded(link.carry_out(order, Gate::noting(&*clock, send_by, &*standing, &gate)));
            // Whether it had written then, only its gate knows.
            let failed = || if gate.get().is_some() { Ok(()) } else { Err(NotWritten::Rejected(DRIVER_FAILED.into())) };
            carrying.await.unwrap_or_else(failed)
        });
        self.carrying = Some(Carrying { handing_over, began: self.shared.now(), passed });
    }

    /// Tells the attempt if the driver has asked its gate meanwhile: from then on what is heard can be its doing.
    /// The driver runs within this task, so it cannot ask between this and the next step.
    pub(super) async fn notice_write(&mut self) {
        if !self.is_handed() {
            return;
        }
        if let Some(at) = self.carrying.as_ref().and_then(|carrying| carrying.passed.get().copied()) {
            self.wrote(at).await;
        }
    }

    async fn wrote(&mut self, at: Moment) {
        self.memory.discount_reads();
        if let Some(running) = &mut self.running {
            running.record.note(at, Step::Written);
        }
        self.input(Input::Wrote { at, known: self.memory.known() }).await;
    }

    pub(super) async fn carried_out(&mut self, written: Result<(), NotWritten>) {
        self.notice_write().await;
        let Some(carrying) = self.carrying.take() else { return };
        match written {
            Err(why) => self.input(Input::NotWritten(why)).await,
            // A driver that did not ask: it may have written at any time since it began.
            Ok(()) if self.is_handed() => self.wrote(carrying.began).await,
            Ok(()) => {}
        }
    }

    pub(super) fn is_written(&self) -> bool {
        self.running.as_ref().is_some_and(|running| matches!(running.state, State::Written(_)))
    }

    /// Whether anything of the running attempt has been handed to the hub.
    pub(super) fn has_left(&self) -> bool {
        self.is_written() || self.running.as_ref().is_some_and(|running| running.state == State::Sent)
    }

    fn is_handed(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.state == State::Handed)
    }

    /// Ends the running attempt, with what is told in the same commit.
    pub(super) async fn finish(&mut self, end: End, fact: Option<Fact>) {
        // Before anything is waited for: a command that was not written must never be, now.
        self.carrying = None;
        let Some(running) = self.running.take() else { return };
        let Some(wanted) = running.terms.wanted else {
            self.commit_end(&running.attempt, end, running.record, Vec::new(), false).await;
            self.load.leave();
            return;
        };
        let credit = Credit { attempt: running.attempt.id, wanted };
        let before = self.observed.state.clone();
        let outcome = &end.outcome;
        let told = self.told_at_end(outcome, credit, fact).await;
        let is_lost = is_unknown(outcome) && !running.told_its_rest();
        if is_lost {
            // The bolt may have moved, so what was known before is not known any more.
            self.memory.forget_position();
            self.observed.forget();
        }
        if is_open_ended(outcome) {
            self.unresolved.keep(credit, self.shared.now());
        }
        let changed = before != self.observed.state;
        self.commit_end(&running.attempt, end, running.record, told, changed).await;
        self.load.leave();
        if is_lost {
            self.read_again();
        } else if self.memory.in_doubt() {
            self.want_read();
        }
    }

    async fn told_at_end(&mut self, outcome: &Outcome, credit: Credit, fact: Option<Fact>) -> Vec<Event> {
        let deferred = self.deferred.take();
        match outcome {
            Outcome::Success { confirmed: true } => self.confirmed(credit, fact),
            Outcome::Success { confirmed: false } => {
                // It neither changes the state nor tells of a movement; what the lock said meanwhile stands by itself.
                let in_doubt = self.memory.in_doubt();
                for fact in deferred.into_iter().chain(fact) {
                    self.note_fact_as(&fact, !in_doubt).await;
                }
                Vec::new()
            }
            Outcome::Failure(failure) => {
                let facts: Vec<Fact> = deferred.into_iter().chain(fact).collect();
                let mut told = Vec::new();
                for fact in facts {
                    let kinds = self.observed.apply(&fact, None);
                    told.extend(self.events(kinds, fact.occurred_at.unwrap_or(fact.heard.wall)));
                }
                self.observed.state.fresh &= !self.memory.in_doubt();
                if failure.kind == FailureKind::LockJammed {
                    self.memory.jammed();
                    self.observed.jammed(self.shared.now().wall);
                }
                told
            }
        }
    }

    /// The lock proved that it is where the attempt wanted it: that is its position, told in the attempt's name.
    fn confirmed(&mut self, credit: Credit, fact: Option<Fact>) -> Vec<Event> {
        // A later movement is not the doing of an attempt before this one.
        self.unresolved = Unresolved::default();
        let at = fact.map_or_else(|| self.shared.now().wall, |fact| fact.occurred_at.unwrap_or(fact.heard.wall));
        self.observed.stands_at(credit.wanted, at);
        let attempt = Some(credit.attempt);
        let moved = EventKind::LockMoved { to: credit.wanted, method: Method::Remote, attempt, slot: None };
        self.events(self.observed.managed.then_some(moved), at)
    }
}

fn is_unknown(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failure(failure) if failure.kind == FailureKind::OutcomeUnknown)
}

/// Whether the bolt may still move because of a command whose attempt ended like this.
fn is_open_ended(outcome: &Outcome) -> bool {
    let Outcome::Failure(failure) = outcome else { return false };
    matches!(failure.kind, FailureKind::OutcomeUnknown | FailureKind::NoMovement)
}

/// A first word of the wanted position, without a cause: in doubt until the attempt ends.
pub(super) fn is_first_word(fact: &Fact, wanted: Option<Bolt>) -> bool {
    let What::Moved { from: Known::Nothing, to, cause: None, .. } = fact.what else { return false };
    Some(to) == wanted
}
