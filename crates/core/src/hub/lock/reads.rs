//! Reads: few, for a lock's battery pays for them. Those that decide an attempt go out at once; the others, that only tell
//! what is to be shown, keep a pause, and for a lock that lives on batteries a budget. A read that the driver is slow to
//! hand over blocks nothing.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::LockTask;
use super::budget::Budget;
use crate::accounts::Provider;
use crate::attempt::Input;
use crate::devices::{OfflineBecause, Reach};
use crate::evidence::Step;
use crate::hub::guard::guarded;
use crate::hub::observed::Credit;
use crate::locks::Unavailable;
use crate::memory::Known;
use crate::meter::Purpose;
use crate::ports::{Later, ReadId, Said};
use crate::time::Moment;

/// Between two reads that nobody's attempt asked for.
const READ_PAUSE: Duration = Duration::from_secs(2);

/// Before a read that got no answer is asked again; doubled each time, up to the longest: 24 reads a day.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3_600));

/// How long a driver may take to hand a read over.
const ASK_LIMIT: Duration = Duration::from_secs(5);

/// The reads of one lock.
#[derive(Default)]
pub(super) struct Reads {
    last: Option<Moment>,
    wanted: Option<Moment>,
    asking: Option<Asking>,
    /// How many reads in a row got no answer.
    unanswered: u32,
    /// What is left for reads that decide nothing. It outlives the sessions: a hub that comes and goes must not empty
    /// batteries.
    budget: Budget,
}

struct Asking {
    read: ReadId,
    /// Whether the read was handed over.
    handing_over: Later<'static, bool>,
}

impl Reads {
    /// When a read that no attempt asked for is due.
    pub(super) const fn due(&self) -> Option<Moment> {
        self.wanted
    }

    /// Forgets what was wanted: the session is over.
    pub(super) fn forget(&mut self) {
        self.wanted = None;
        self.asking = None;
        self.unanswered = 0;
    }

    /// The lock answered.
    pub(super) fn answered(&mut self) {
        self.unanswered = 0;
    }

    /// Returns when a read could not be handed over.
    pub(super) async fn unasked(&mut self) -> ReadId {
        poll_fn(|context| {
            let Some(asking) = &mut self.asking else { return Poll::Pending };
            let Poll::Ready(asked) = asking.handing_over.as_mut().poll(context) else { return Poll::Pending };
            let read = asking.read;
            self.asking = None;
            if asked { Poll::Pending } else { Poll::Ready(read) }
        })
        .await
    }
}

impl LockTask {
    /// The session is (again) in step with the hub: what was left over is settled, and the position is read.
    pub(super) async fn resync(&mut self) {
        if self.link.is_none() {
            return;
        }
        if !self.described {
            self.not_in_hub().await;
            return;
        }
        if self.recovery.is_some() && !self.traits.readable {
            self.recovered(None).await;
        } else if self.recovery.is_some() {
            let read = self.ask();
            if let Some(recovery) = &mut self.recovery {
                recovery.asked = Some(read);
            }
        } else if self.memory.known() == Known::Nothing {
            self.want_read();
        }
    }

    /// Asks for the state outside of any attempt as soon as the pause allows; several wishes make one read.
    pub(super) fn want_read(&mut self) {
        let now = self.shared.now();
        self.want_read_at(self.reads.last.map_or(now, |last| last.after(READ_PAUSE)));
    }

    /// Wants the state then, or when the budget allows it. Until it is read, nothing is shown that may not be true.
    fn want_read_at(&mut self, at: Moment) {
        if !self.traits.readable || self.link.is_none() || self.reads.wanted.is_some() {
            return;
        }
        if !self.is_spared() {
            self.reads.wanted = Some(at.steadily());
            return;
        }
        let allowed = self.reads.budget.next(self.shared.settings.reads_per_day);
        if allowed.is_none_or(|allowed| allowed.steady > at.steady) {
            self.shared.meter.put_off(self.device.provider);
        }
        self.reads.wanted = allowed.map(|allowed| if allowed.steady > at.steady { allowed } else { at.steadily() });
    }

    /// Whether reads cost something that should be spared. Virtual batteries last for ever.
    fn is_spared(&self) -> bool {
        !self.device.about.has_direct_power && self.device.provider != Provider::Sandbox
    }

    /// Asks for the state outside of any attempt.
    pub(super) fn ask_for_state(&mut self) {
        if self.is_spared() {
            self.reads.budget.spend(self.shared.settings.reads_per_day, self.shared.now());
        }
        self.send_read(Purpose::State);
    }

    /// Asks the lock for its state, which decides an attempt.
    pub(super) fn ask(&mut self) -> ReadId {
        self.send_read(Purpose::Attempt)
    }

    /// A driver that fails or takes too long is heard as a read without an answer.
    fn send_read(&mut self, purpose: Purpose) -> ReadId {
        let read = self.shared.next_read();
        self.note_step(Step::ReadAsked);
        self.shared.meter.asked(self.device.provider, purpose);
        let now = self.shared.now();
        self.memory.asked(read, now);
        self.reads.last = Some(now);
        self.reads.wanted = None;
        let link = self.link.clone();
        let (clock, lock) = (Arc::clone(&self.shared.clock), self.device.about.native.clone());
        let handing_over = Box::pin(async move {
            let Some(link) = link else { return false };
            tokio::select! {
                biased;
                asked = guarded(link.ask(&lock, read)) => asked.is_some_and(|asked| asked.is_ok()),
                () = clock.sleep_until(now.after(ASK_LIMIT).steadily()) => false,
            }
        });
        self.reads.asking = Some(Asking { read, handing_over });
        read
    }

    pub(super) async fn read_failed(&mut self, read: ReadId) {
        if self.recovery.as_ref().is_some_and(|recovery| recovery.asked == Some(read)) {
            self.note_step(Step::ReadFailed);
            self.recovered(None).await;
        } else if self.running.as_ref().is_some_and(|running| running.asked == Some(read)) {
            self.note_step(Step::ReadFailed);
            self.input(Input::ReadFailed).await;
        } else if self.memory.in_doubt() || self.memory.known() == Known::Nothing {
            self.read_again();
        }
    }

    /// Nobody else will settle where the bolt is, so the lock is asked again, less and less often.
    pub(super) fn read_again(&mut self) {
        let pause = RETRY_PAUSE.0.saturating_mul(1 << self.reads.unanswered.min(16)).min(RETRY_PAUSE.1);
        self.reads.unanswered += 1;
        self.want_read_at(self.shared.now().after(pause));
    }

    /// Ends the attempts that a stopped server left over: in the wanted state, as the read tells, or unknown.
    pub(super) async fn recovered(&mut self, said: Option<Said>) {
        let Some(recovery) = self.recovery.take() else { return };
        for (attempt, record, end) in recovery.ends(said) {
            if let Some(wanted) = attempt.action.wanted().filter(|_| !end.outcome.succeeded()) {
                self.unresolved.keep(Credit { attempt: attempt.id, wanted }, self.shared.now());
            }
            self.commit_end(&attempt, end, record, Vec::new(), false).await;
        }
    }

    /// The hub told all locks that it knows, and this one was not among them. That removes nothing (a list can be
    /// wrong), but there is nobody to write to.
    async fn not_in_hub(&mut self) {
        self.recovered(None).await;
        let why = match self.observed.state.reach {
            Reach::Offline { because: OfflineBecause::DeviceRemoved, .. } => Unavailable::DeviceRemoved,
            _ => Unavailable::DeviceDisconnected,
        };
        self.out_of_reach(why).await;
    }
}
