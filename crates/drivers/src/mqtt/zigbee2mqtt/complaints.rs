//! What an error line of the hub answers: the command or the read that is open on that lock.

use thumbturn_core::ports::{Answer, Refused, Signal};
use thumbturn_core::time::Moment;

use super::device::Device;
use super::logging::{self, Complaint, Why};
use super::{Hub, Incoming};
use crate::mqtt::outbox::Outbox;

impl Hub {
    pub(super) fn hear_complaint(&mut self, incoming: &Incoming<'_>, out: &mut Outbox) {
        let Some(text) = logging::error_text(incoming.payload) else { return };
        let is_known = |name: &str| self.names.contains_key(name) || self.devices.contains_key(name);
        match logging::read(&text, is_known) {
            Some(Complaint::Failed { is_read, key, entity, why }) => {
                let ieee = self.names.get(entity).map_or(entity, String::as_str).to_owned();
                let Some(device) = self.devices.get_mut(&ieee) else { return };
                if device.sets_by(key) {
                    device.setting_failed(is_read, why, incoming.at, out);
                    return;
                }
                let Some(place) = device.open_bolt(key, is_read) else { return };
                if is_read {
                    device.read_failed(place, out);
                } else {
                    device.command_failed(place, why, incoming.at, out);
                }
            }
            Some(Complaint::Unknown { entity }) => self.unknown_entity(entity, incoming.at, out),
            None => {}
        }
    }

    /// The hub does not know a name that we used, so nothing that we asked of that device was done.
    fn unknown_entity(&mut self, entity: &str, at: Moment, out: &mut Outbox) {
        let Some(device) = self.devices.get_mut(entity) else { return };
        for place in 0..device.bolts.len() {
            while device.pending.has_open(place, false) {
                device.refuse(place, refused("Zigbee2MQTT does not know this lock."), at, out);
            }
        }
        device.setting_ends(refused("Zigbee2MQTT does not know this lock."), at, out);
        device.give_up_reads(out);
    }
}

impl Device {
    /// The bolt that a line about `key` means: the one that has such a request open.
    fn open_bolt(&self, key: &str, is_read: bool) -> Option<usize> {
        let named = self.listed.bolts.iter().position(|spec| spec.state == key);
        let open = || (0..self.bolts.len()).find(|place| self.pending.has_open(*place, is_read));
        named.or_else(|| if key == "state" { open() } else { None })
    }

    /// Whether a line about `key` is about when it locks itself.
    fn sets_by(&self, key: &str) -> bool {
        self.listed.auto_lock.as_ref().is_some_and(|offer| offer.property == key)
    }

    fn setting_failed(&mut self, is_read: bool, why: Why, at: Moment, out: &mut Outbox) {
        if is_read {
            let outcome = self.setting.get_failed(&mut self.pending);
            self.settle_setting(outcome, at, out);
            return;
        }
        self.setting_ends(
            match why {
                Why::NotAllowed => refused("Zigbee2MQTT does not accept this setting for the lock."),
                Why::NoConverter => refused("Zigbee2MQTT has no way to send this setting to the lock."),
                Why::Refused => refused("The lock refused the setting."),
                Why::Radio => Answer::NotAcknowledged,
            },
            at,
            out,
        );
    }

    fn setting_ends(&mut self, answer: Answer, at: Moment, out: &mut Outbox) {
        let outcome = self.setting.set_failed(answer, &mut self.pending);
        self.settle_setting(outcome, at, out);
    }

    fn read_failed(&mut self, place: usize, out: &mut Outbox) {
        let Some(bolt) = self.bolts.get(place) else { return };
        if let Some(read) = self.pending.read_failed(place) {
            out.tell(Signal::ReadFailed(bolt.native.clone(), read));
        }
    }

    fn command_failed(&mut self, place: usize, why: Why, at: Moment, out: &mut Outbox) {
        let answer = match why {
            Why::NotAllowed => refused("Zigbee2MQTT does not accept this command for the lock."),
            Why::NoConverter => refused("Zigbee2MQTT has no way to send this command to the lock."),
            Why::Refused | Why::Radio => Answer::NotAcknowledged,
        };
        self.refuse(place, answer, at, out);
    }

    /// Answers the oldest command that is open for a bolt.
    fn refuse(&mut self, place: usize, answer: Answer, at: Moment, out: &mut Outbox) {
        let Some(bolt) = self.bolts.get(place) else { return };
        if let Some(attempt) = self.pending.command_failed(place) {
            out.tell(Signal::Answered(bolt.native.clone(), attempt, answer, at, None));
        }
    }
}

fn refused(why: &str) -> Answer {
    Answer::Refused(Refused::Other(why.to_owned()))
}
