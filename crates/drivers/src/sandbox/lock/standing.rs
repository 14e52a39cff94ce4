//! A lock's standing with its hub: reachable or not, removed, paid for.

use thumbturn_core::locks::Reachability;

use super::super::physics::Word;
use super::super::settings::Simulated;
use super::{Air, VirtualLock};

impl VirtualLock {
    /// What the hub finds when it looks.
    pub(super) const fn standing(&self) -> Reachability {
        if self.hub_lost {
            Reachability::HubUnreachable
        } else if self.cut || !self.powered {
            Reachability::Unreachable
        } else {
            Reachability::Reachable
        }
    }

    pub(in crate::sandbox) const fn is_removed(&self) -> bool {
        self.removed
    }

    pub(in crate::sandbox) const fn let_go(&mut self) {
        self.removed = true;
    }

    pub(in crate::sandbox) fn simulate(&mut self, air: &mut Air<'_>, what: Simulated) {
        match what {
            _ if self.removed => {}
            Simulated::Connect => {
                self.cut = false;
                self.power_on(air);
                self.notice(air);
            }
            Simulated::Disconnect => {
                self.cut = true;
                self.notice(air);
            }
            Simulated::ConnectHub => {
                self.hub_lost = false;
                self.notice(air);
            }
            Simulated::DisconnectHub => {
                self.hub_lost = true;
                self.notice(air);
            }
            Simulated::Remove => {
                self.removed = true;
                air.emit(Word::Gone);
            }
            Simulated::Subscription { ended } => {
                self.unpaid = ended;
                self.hub.unpaid = ended;
                air.emit(Word::SubscriptionEnded(ended));
            }
        }
    }
}
