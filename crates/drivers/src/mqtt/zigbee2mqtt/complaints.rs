//! What an error line of the hub answers: the command or the read that is open on that lock.

use thumbturn_core::ports::{Answer, Refused, Signal};
use thumbturn_core::time::Moment;

use super::device::BoltState;
use super::devices::BoltSpec;
use super::logging::{self, Complaint, Why};
use super::{Hub, Incoming};
use crate::mqtt::outbox::Outbox;

impl Hub {
    pub(super) fn hear_complaint(&mut self, incoming: &Incoming<'_>, out: &mut Outbox) {
        let Some(text) = logging::error_text(incoming.payload) else { return };
        match logging::read(&text) {
            Some(Complaint::Failed { is_read, key, entity, why }) => {
                let Some(bolt) = self.open_bolt(entity, key, is_read) else { return };
                if is_read {
                    if let Some(read) = bolt.pending.read_failed() {
                        out.tell(Signal::ReadFailed(bolt.native.clone(), read));
                    }
                } else {
                    bolt.command_failed(why, incoming.at, out);
                }
            }
            Some(Complaint::Unknown { entity }) => self.unknown_entity(entity, incoming.at, out),
            None => {}
        }
    }

    /// The bolt that a line about `key` of `entity` means: the one that has such a request open.
    fn open_bolt(&mut self, entity: &str, key: &str, is_read: bool) -> Option<&mut BoltState> {
        let ieee = self.names.get(entity).map_or(entity, String::as_str).to_owned();
        let device = self.devices.get_mut(&ieee)?;
        let specs: &[BoltSpec] = &device.listed.bolts;
        let named = specs.iter().position(|spec| spec.state == key);
        let at = named.or_else(|| {
            (key == "state").then(|| device.bolts.iter().position(|bolt| bolt.pending.has_open(is_read))).flatten()
        })?;
        device.bolts.get_mut(at)
    }

    /// The hub does not know a name that we used, so nothing that we asked of that device was done.
    fn unknown_entity(&mut self, entity: &str, at: Moment, out: &mut Outbox) {
        let Some(device) = self.devices.get_mut(entity) else { return };
        for bolt in &mut device.bolts {
            bolt.command_unknown(at, out);
            for read in bolt.pending.clear() {
                out.tell(Signal::ReadFailed(bolt.native.clone(), read));
            }
        }
    }
}

impl BoltState {
    fn command_failed(&mut self, why: Why, at: Moment, out: &mut Outbox) {
        let answer = match why {
            Why::NotAllowed => refused("Zigbee2MQTT does not accept this command for the lock."),
            Why::NoConverter => refused("Zigbee2MQTT has no way to send this command to the lock."),
            Why::Radio => Answer::NotAcknowledged,
        };
        if let Some(attempt) = self.pending.command_failed() {
            out.tell(Signal::Answered(self.native.clone(), attempt, answer, at));
        }
    }

    fn command_unknown(&mut self, at: Moment, out: &mut Outbox) {
        while let Some(attempt) = self.pending.command_failed() {
            let answer = refused("Zigbee2MQTT does not know this lock.");
            out.tell(Signal::Answered(self.native.clone(), attempt, answer, at));
        }
    }
}

fn refused(why: &str) -> Answer {
    Answer::Refused(Refused::Other(why.to_owned()))
}
