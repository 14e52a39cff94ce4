//! Locks that their hub tells of for the first time. Those of one go are committed together: a hub may have thousands.
//!
//! A lock's task starts where its hub told of the lock: what was said of it later finds it, and what was said before does
//! not.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Session, send};
use crate::change::Change;
use crate::devices::{About, Device, DeviceState};
use crate::events::{Event, EventKind};
use crate::hub::lock::Message;
use crate::hub::shared::Recorded;
use crate::ids::{DeviceId, NativeId};
use crate::locks::Traits;
use crate::ports::{ConnectError, Link, Signal};
use crate::spaces::Turnover;

/// Devices that one commit stores at most. Everything else that is written waits for it: some 20 ms.
const TOGETHER: usize = 256;

impl Session {
    /// Takes in what the hub said, in order, and empties `said`; `Some` if it says that the connection is over. Without a
    /// link it was said while the connection was being made.
    pub(super) async fn on_signals(
        &mut self,
        said: &mut Vec<Signal>,
        link: Option<&Arc<dyn Link>>,
    ) -> Option<ConnectError> {
        let mut found = self.store_found(said).await;
        for signal in said.drain(..) {
            if let Signal::Discovered { about, traits } = &signal
                && let Some(device) = found.remove(&about.native)
            {
                self.begin_lock(device, *traits, link).await;
            } else if let Some(why) = self.on_signal(signal, link).await {
                return Some(why);
            }
        }
        None
    }

    /// Commits the locks that are told of for the first time, before anything else of `said` is taken in.
    async fn store_found(&self, said: &[Signal]) -> HashMap<NativeId, Device> {
        let mut found = HashMap::new();
        let mut in_order = Vec::new();
        for signal in said {
            match signal {
                // Nobody will hear what comes after it.
                Signal::Lost(_) => break,
                Signal::Discovered { about, .. }
                    if self.is_new(&about.native) && !found.contains_key(&about.native) =>
                {
                    let device = self.found((**about).clone());
                    in_order.push(device.clone());
                    found.insert(about.native.clone(), device);
                }
                _ => {}
            }
        }
        for together in in_order.chunks(TOGETHER) {
            self.record_found(together).await;
        }
        found
    }

    fn is_new(&self, native: &NativeId) -> bool {
        !self.locks.contains_key(native) && !self.let_go.contains(native)
    }

    /// The device of a lock that was found now.
    pub(super) fn found(&self, about: About) -> Device {
        let now = self.shared.now();
        Device {
            id: DeviceId::new_at(now.wall),
            workspace: self.account.workspace,
            account: self.account.id,
            provider: self.account.provider,
            about,
            nickname: None,
            custom_metadata: "{}".to_owned(),
            is_managed: self.manages_new_devices.load(Ordering::Relaxed),
            time_zone: None,
            state: DeviceState::default(),
            created_at: now.wall,
        }
    }

    /// Commits what was found, all in one. If one of them cannot be stored, each is by itself.
    pub(super) async fn record_found(&self, found: &[Device]) {
        if self.record_together(found).await == Recorded::Obsolete && found.len() > 1 {
            for device in found {
                self.record_together(std::slice::from_ref(device)).await;
            }
        }
    }

    async fn record_together(&self, found: &[Device]) -> Recorded {
        let added = |device: &Device| Event { device: Some(device.id), ..self.event(EventKind::DeviceAdded) };
        let added: Vec<Event> = found.iter().map(added).collect();
        let change = |told: Vec<Event>| {
            let events = added.iter().cloned().chain(told).collect();
            Change::DevicesFound { devices: found.to_vec(), events }
        };
        let turnover = Turnover::Found(found.iter().map(|device| device.id).collect());
        self.shared.record_turnover(self.account.id, &turnover, &change).await
    }

    /// Starts the task of a lock that was found.
    pub(super) async fn begin_lock(&mut self, device: Device, traits: Traits, link: Option<&Arc<dyn Link>>) {
        let handle = self.start_lock(device, Some(traits), Vec::new());
        if let Some(link) = link {
            send(&handle, Message::LinkUp(Arc::clone(link))).await;
        }
    }
}
