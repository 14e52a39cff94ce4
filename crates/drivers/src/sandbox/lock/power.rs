//! Power and network: batteries out and in, falling off the network and coming back.

use std::time::Duration;

use thumbturn_core::ports::How;

use super::super::physics::Word;
use super::{Air, Happening, VirtualLock};

impl VirtualLock {
    pub(in crate::sandbox) fn power_off(&mut self, air: &mut Air<'_>) {
        if !self.powered {
            return;
        }
        self.powered = false;
        self.life = self.life.wrapping_add(1);
        self.motor = None;
        self.waiting.clear();
        self.last_arrival = None;
        self.relock.due = None;
        self.forget_wrong_pins();
        self.plan_notice(air);
    }

    pub(in crate::sandbox) fn power_on(&mut self, air: &mut Air<'_>) {
        if !self.powered {
            self.powered = true;
            self.silent = false;
            self.returning = true;
            self.battery = if self.battery > 0.0 { self.battery } else { 1.0 };
            self.plan_notice(air);
        }
        if std::mem::take(&mut self.cut) {
            self.plan_notice(air);
        }
        self.come_back(air);
    }

    /// Ends a silence: the lock joins the network again.
    pub(super) fn come_back(&mut self, air: &mut Air<'_>) {
        if std::mem::take(&mut self.silent) {
            self.returning = true;
            self.plan_notice(air);
        }
    }

    fn plan_notice(&mut self, air: &mut Air<'_>) {
        if !std::mem::replace(&mut self.notice_planned, true) {
            air.plan_in(Duration::from_millis(self.settings.latency_ms) / 4, Happening::Notice);
        }
    }

    pub(super) fn notice(&mut self, air: &mut Air<'_>) {
        self.notice_planned = false;
        let standing = self.standing();
        let is_news = std::mem::replace(&mut self.hub.reach, standing) != standing;
        if is_news {
            air.emit(Word::Reach(standing));
        }
        if self.on_air() && (is_news || self.returning) {
            self.returning = false;
            self.tell_battery(air);
            self.tell_auto_lock(air);
            self.tell_kept(air);
            self.report(air, self.bolt.said(), How::Untagged, false);
        }
    }

    pub(super) fn set_battery(&mut self, air: &mut Air<'_>, level: f64) {
        self.battery = level;
        if self.on_air() {
            self.tell_battery(air);
        }
    }

    pub(super) fn tell_battery(&mut self, air: &mut Air<'_>) {
        self.hub.battery_level = self.battery;
        air.emit(Word::Battery(self.battery));
    }

    pub(super) fn drain(&mut self, air: &mut Air<'_>) {
        if self.settings.drain <= 0.0 {
            return;
        }
        // Counted in thousandths: a remainder of floating point is no charge.
        let left = ((self.battery - self.settings.drain) * 1_000.0).round() / 1_000.0;
        self.set_battery(air, left.max(0.0));
        if self.battery <= 0.0 {
            self.power_off(air);
        }
    }
}
