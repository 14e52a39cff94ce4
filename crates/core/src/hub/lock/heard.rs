//! What the hub and the lock say.

use std::sync::Arc;

use super::LockTask;
use super::turns::is_first_word;
use crate::attempt::{Effect, Input};
use crate::devices::{About, OfflineBecause};
use crate::events::EventKind;
use crate::evidence::{Step, Words};
use crate::ids::AttemptId;
use crate::locks::{Bolt, Reachability, Traits, Unavailable};
use crate::memory::{Fact, What};
use crate::ports::{Answer, Link, Refused, Report};
use crate::time::Moment;

impl LockTask {
    pub(super) async fn link_up(&mut self, link: Arc<dyn Link>) {
        self.link = Some(link);
        self.memory.session_began(self.shared.now());
        if matches!(self.unavailable, Some(Unavailable::HubDisconnected | Unavailable::AccountDisconnected)) {
            self.unavailable = None;
        }
        self.note_step(Step::LinkBack);
        self.input(Input::LinkBack).await;
    }

    pub(super) async fn link_down(&mut self, because: OfflineBecause) {
        self.notice_write().await;
        self.link = None;
        self.described = false;
        self.reads.forget();
        let why = match self.unavailable {
            Some(Unavailable::DeviceRemoved) => Unavailable::DeviceRemoved,
            _ => because.into(),
        };
        self.lose_touch(why).await;
        self.note_step(Step::LinkLost);
        self.input(Input::LinkLost).await;
        // Nothing may be written to a connection that is over, not even by a driver that had asked before.
        self.carrying = None;
        let now = self.shared.now();
        self.note(|observed| observed.offline(because, now.wall)).await;
        self.expire_queue(now).await;
    }

    /// From now on nothing can be written, and nothing is known of the bolt.
    async fn lose_touch(&mut self, why: Unavailable) {
        self.unavailable = Some(why);
        self.tell_held().await;
        self.tell_deferred(false).await;
        self.memory.forget_position();
        if self.running.as_ref().is_some_and(|running| self.unavailable_for(&running.command).is_some()) {
            self.input(Input::Unavailable(why)).await;
        }
    }

    pub(super) async fn out_of_reach(&mut self, why: Unavailable) {
        self.lose_touch(why).await;
        let now = self.shared.now();
        self.note(|observed| match why {
            Unavailable::DeviceRemoved => observed.removed(now.wall),
            Unavailable::HubDisconnected => observed.offline(OfflineBecause::OwnHubDisconnected, now.wall),
            _ => observed.offline(OfflineBecause::DeviceDisconnected, now.wall),
        })
        .await;
        self.expire_queue(now).await;
    }

    pub(super) async fn reach(&mut self, reach: Reachability) {
        match reach {
            Reachability::Unreachable => self.out_of_reach(Unavailable::DeviceDisconnected).await,
            Reachability::HubUnreachable => self.out_of_reach(Unavailable::HubDisconnected).await,
            Reachability::Reachable | Reachability::WorthATry => {
                self.unavailable = None;
                self.note(|observed| observed.online()).await;
            }
        }
    }

    pub(super) async fn gone(&mut self) {
        self.out_of_reach(Unavailable::DeviceRemoved).await;
    }

    pub(super) async fn described(&mut self, about: Option<Box<About>>, traits: Traits) {
        let first = !std::mem::replace(&mut self.described, true);
        self.traits = traits;
        let was_removed = self.unavailable == Some(Unavailable::DeviceRemoved);
        if was_removed || (first && self.unavailable == Some(Unavailable::DeviceDisconnected)) {
            self.unavailable = None;
        }
        let before = self.observed.state.clone();
        let kinds = self.observed.described();
        let changed = about.is_some() || before != self.observed.state;
        if let Some(about) = about {
            self.device.about = *about;
        }
        if changed {
            self.commit_seen(kinds).await;
        }
    }

    pub(super) async fn said(&mut self, report: &Report, words: Option<&Words>) {
        self.keep_report(report, words);
        if self.link.is_none() {
            // Said while the connection is being made: it may be a repeat of what nobody heard.
            self.memory.session_began(self.shared.now());
        }
        for fact in self.memory.hear(report, &self.traits) {
            self.on_fact(fact).await;
        }
    }

    /// Keeps what the lock said as evidence of the attempt that runs, or of those that a stopped server left over.
    fn keep_report(&mut self, report: &Report, words: Option<&Words>) {
        let step = Step::Reported { said: report.said, manner: report.how.into() };
        if let Some(running) = &mut self.running {
            running.record.heard(report.heard, step, words);
        } else if let Some(recovery) = &mut self.recovery {
            recovery.heard(report.heard, step, words);
        }
    }

    /// Tells what waits for its cause: what comes next needs to know it.
    pub(super) async fn tell_held(&mut self) {
        if let Some(fact) = self.memory.release() {
            self.on_fact(fact).await;
        }
    }

    /// Tells the first word that was deferred. It may be old by now: if something speaks against it, what it told is
    /// not shown as true.
    async fn tell_deferred(&mut self, against_it: bool) {
        if let Some(fact) = self.deferred.take() {
            self.note_fact_as(&fact, !against_it && !self.memory.in_doubt()).await;
        }
    }

    pub(super) async fn on_fact(&mut self, fact: Fact) {
        if matches!(fact.what, What::Read { .. }) {
            self.reads.answered();
        }
        if let What::Read { read, said, .. } = fact.what
            && self.recovery.as_ref().is_some_and(|recovery| recovery.asked == Some(read))
        {
            self.note_fact(&fact).await;
            self.recovered(Some(said)).await;
            return;
        }
        if self.is_written() {
            self.on_fact_while_written(fact).await;
        } else {
            self.note_fact(&fact).await;
            if matches!(fact.what, What::Doubt { .. }) {
                self.want_read();
            }
        }
    }

    /// The attempt is fed first: what it takes as its own confirmation is told once, in its name. What ends it
    /// otherwise is told in the same commit as the end.
    async fn on_fact_while_written(&mut self, fact: Fact) {
        let wanted = self.running.as_ref().and_then(|running| running.terms.wanted);
        if let Some(running) = &mut self.running {
            running.told = told_position(&fact.what).map(|bolt| (bolt, fact.heard)).or(running.told);
        }
        let effect = self.step(&Input::Fact(fact));
        if matches!(effect, Effect::Finish(_)) {
            self.perform(effect, Some(fact)).await;
            return;
        }
        if is_first_word(&fact, wanted) {
            self.deferred = Some(fact);
        } else if !self.joins_deferred(&fact) {
            self.tell_deferred(true).await;
            self.note_fact(&fact).await;
        }
        self.perform(effect, None).await;
    }

    /// A cause that comes late for the first word that was deferred is told with it; a doubt leaves it as it is.
    fn joins_deferred(&mut self, fact: &Fact) -> bool {
        let Some(deferred) = &mut self.deferred else { return false };
        match (&mut deferred.what, fact.what) {
            (What::Moved { cause: known, .. }, What::Operated { cause, late_cause: true, .. }) => {
                *known = Some(cause);
                true
            }
            (_, What::Doubt { .. }) => true,
            _ => false,
        }
    }

    pub(super) async fn denied(&mut self, reason: Option<&'static str>, at: Moment) {
        if self.observed.managed {
            let events = self.events([EventKind::LockAccessDenied { reason }], at.wall);
            self.keep_state(events).await;
        }
    }

    pub(super) async fn answered(&mut self, attempt: AttemptId, answer: Answer, at: Moment, words: Option<&Words>) {
        if let Some(running) = self.running.as_mut().filter(|running| running.attempt.id == attempt) {
            running.record.heard(at, Step::of_answer(&answer), words);
            self.input(Input::Answered(answer)).await;
        } else if answer == Answer::Refused(Refused::Jammed) {
            // Too late for its attempt, and true all the same.
            self.memory.jammed();
            let now = self.shared.now();
            self.note(|observed| {
                observed.jammed(now.wall);
                Vec::new()
            })
            .await;
        }
    }
}

/// Where the lock told that its bolt is, beyond doubt.
const fn told_position(what: &What) -> Option<Bolt> {
    match what {
        What::Moved { doubtful: true, .. } | What::Operated { doubtful: true, .. } | What::Read { asked: None, .. } => {
            None
        }
        what => what.position(),
    }
}
