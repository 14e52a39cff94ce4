//! Asking a hub for its device list, which a broker may have lost.
//!
//! A change of no option at all makes the hub publish its lists, but it needs the address of one of its devices. With
//! several hubs on a broker nobody knows whose an address of an earlier session is: each is tried until the hub knows
//! one. It says at once that it does not, so a wrong one costs no time.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use thumbturn_core::time::Moment;

use super::Hub;
use crate::mqtt::outbox::Outbox;

/// The pause after the first request; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause: a hub whose list is missing is asked some hundred times a day.
const LONGEST_PAUSE: Duration = Duration::from_secs(900);

/// The hub is to be asked for its list.
#[derive(Clone, Debug)]
pub(super) struct Relist {
    /// When, unless the hub refuses an address before.
    pub(super) due: Moment,
    pauses: u32,
    /// How many addresses were tried.
    tried: usize,
    /// How many were refused since the last pause.
    refused: usize,
    /// The address of the last request.
    asked: Option<String>,
}

#[derive(Deserialize)]
struct Response<'a> {
    status: &'a str,
    transaction: Option<String>,
}

impl Hub {
    /// The hub is to publish its list again, at `due`.
    pub(in crate::mqtt) fn ask_for_list(&mut self, due: Moment) {
        self.relist.get_or_insert(Relist { due, pauses: 0, tried: 0, refused: 0, asked: None });
    }

    /// Another hub has these devices: it is useless to name them here.
    pub(in crate::mqtt) fn cannot_have(&mut self, has: impl Fn(&str) -> bool) {
        self.known.retain(|ieee| !has(ieee));
    }

    /// Asks for the list if that is due.
    pub(super) fn request_list(&mut self, now: Moment, out: &mut Outbox) {
        let Some(mut relist) = self.relist.take_if(|relist| relist.due.steady <= now.steady) else { return };
        // A hub that comes back publishes its list by itself, or else is asked then.
        if self.online != Some(true) {
            return;
        }
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(relist.pauses)).min(LONGEST_PAUSE);
        relist.due = now.after(pause);
        relist.pauses += 1;
        relist.refused = 0;
        self.name_next(relist, out);
    }

    /// The hub answers such a request. If it does not know the device, the next address is tried at once, each address
    /// once between two pauses.
    pub(super) fn hear_list_response(&mut self, payload: &[u8], out: &mut Outbox) {
        let Ok(response) = serde_json::from_slice::<Response<'_>>(payload) else { return };
        let is_ours = |relist: &Relist| {
            relist.asked.is_some() && response.transaction == relist.asked.as_deref().map(transaction)
        };
        if response.status != "error" || !self.relist.as_ref().is_some_and(is_ours) {
            return;
        }
        let Some(mut relist) = self.relist.take() else { return };
        relist.refused += 1;
        relist.asked = None;
        if relist.refused < self.everyone.len() + self.known.len() {
            self.name_next(relist, out);
        } else {
            self.relist = Some(relist);
        }
    }

    /// Names the next address in a request.
    fn name_next(&mut self, mut relist: Relist, out: &mut Outbox) {
        let count = self.everyone.len() + self.known.len();
        let Some(ieee) = self.everyone.iter().chain(&self.known).nth(relist.tried % count.max(1)) else { return };
        let payload = json!({"id": ieee, "options": {}, "transaction": transaction(ieee)});
        out.request(format!("{}/bridge/request/device/options", self.base), payload.to_string());
        relist.tried += 1;
        relist.asked = Some(ieee.clone());
        self.relist = Some(relist);
    }
}

/// What marks a response as ours: others may ask the same hub for something else.
fn transaction(ieee: &str) -> String {
    format!("thumbturn-list-{ieee}")
}
