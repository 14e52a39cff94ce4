//! The instance as a hub to its session: what it says, and what may be asked of it.

use thumbturn_core::commands::Command;
use thumbturn_core::ids::NativeId;
use thumbturn_core::locks::Unavailable;
use thumbturn_core::ports::{CodeSlots, NotWritten, Order, ReadId};
use thumbturn_core::time::Moment;

use super::{Heard, Home, Reply};
use crate::home_assistant::Outbox;
use crate::home_assistant::call::{Call, CodeCall, FIRST, ParameterCall};
use crate::home_assistant::codes::Codes;
use crate::home_assistant::lock::Lock;
use crate::home_assistant::wire::{self, Envelope, Fault, User};
use crate::websocket::{Hub, Line};

/// What is said of a command that is neither about the bolt nor the auto-lock.
const NO_WORDS: &str = "Over Home Assistant a lock can be locked and unlocked, and some told when to lock themselves.";

impl Hub for Home {
    type Ask = Call;
    type Heard = Heard;

    fn read(text: &str, take: impl FnOnce(u64) -> Option<Call>) -> Option<Heard> {
        let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
        if envelope.kind == "event" {
            return wire::event(envelope.event?.get()).map(Heard::Event);
        }
        let call = take(envelope.id?.checked_sub(FIRST)?)?;
        if envelope.success != Some(true) {
            return Some(Heard::Reply(call, Err(envelope.error.unwrap_or_default())));
        }
        let result = envelope.result.map_or("null", |result| result.get());
        let reply = match call {
            Call::Entries => wire::list(result).map(Reply::Entries),
            Call::Devices => wire::list(result).map(Reply::Devices),
            Call::User => serde_json::from_str(result).ok().map(|user: User| Reply::User(user.is_admin)),
            Call::Code(CodeCall::Listen(..)) | Call::Parameters(_, ParameterCall::Listen(..)) => {
                envelope.id.map(Reply::Listening)
            }
            Call::Parameters(_, ParameterCall::List(_)) => wire::parameters(result).map(Reply::Parameters),
            _ => Some(Reply::Done),
        };
        Some(Heard::Reply(call, reply.ok_or_else(Fault::default)))
    }

    fn list(&mut self, out: &mut Outbox) {
        if !std::mem::replace(&mut self.lists.began, true) {
            out.asks.extend([Call::User, Call::WatchEntries, Call::WatchDevices, Call::Watch]);
        }
        self.relist(out);
    }

    fn is_synced(&self) -> bool {
        self.is_synced
    }

    fn hear(&mut self, heard: &Heard, at: Moment, out: &mut Outbox) {
        match heard {
            Heard::Reply(call, reply) => self.answered(call, reply.as_ref(), at, out),
            Heard::Event(event) => self.happened(event, at, out),
        }
    }

    fn unclaimed(&mut self, heard: &Heard, out: &mut Outbox) {
        // Whoever wanted to hear it is gone.
        if let Heard::Reply(Call::Code(CodeCall::Listen(..)), Ok(Reply::Listening(number))) = heard {
            out.asks.push(Call::Unlisten(*number));
        }
    }

    fn unanswered(&mut self, call: &Call, at: Moment, out: &mut Outbox) {
        // What a command came to is long over for whoever asked.
        if !matches!(call, Call::Move(..)) {
            self.answered(call, Err(&Fault::default()), at, out);
        }
    }

    fn command(&self, order: &Order) -> Result<Call, NotWritten> {
        let lock = self.lock(&order.lock)?;
        // Home Assistant would say that it worked.
        if !lock.takes_commands() {
            return Err(NotWritten::Unavailable(Unavailable::DeviceDisconnected));
        }
        match order.command {
            Command::Move(to) => Ok(lock.move_to(order.attempt, to)),
            Command::AutoLock(to) => lock.auto_lock(order.attempt, to),
            Command::Simulate(_) => Err(NotWritten::Rejected(NO_WORDS.to_owned())),
        }
    }

    fn commanded(&mut self, call: &Call, _at: Moment) {
        if let Call::Move(native, ..) = call
            && let Some(lock) = self.locks.get_mut(native)
        {
            lock.commanded();
        }
    }

    fn codes(line: Line<Self>) -> Option<Box<dyn CodeSlots>> {
        Some(Box::new(Codes(line)))
    }

    fn want_read(&mut self, native: &NativeId, read: ReadId, _now: Moment, out: &mut Outbox) -> Result<(), NotWritten> {
        self.lock(native)?;
        if let Some(lock) = self.locks.get_mut(native) {
            lock.want_read(read, out);
        }
        Ok(())
    }

    fn wake_at(&self, _now: Moment) -> Option<Moment> {
        self.locks.values().filter_map(Lock::wake_at).chain(self.lists.again_at).min_by_key(|at| at.steady)
    }

    fn tick(&mut self, now: Moment, out: &mut Outbox) {
        self.locks.values_mut().for_each(|lock| lock.tick(now, out));
        if self.lists.again_at.take_if(|at| now.reached(*at)).is_some() {
            self.relist(out);
        }
    }
}
