//! Webhooks: what came of attempts to deliver.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::DescriptorEncoder;
use thumbturn_core::webhooks::{DeliveryAnswer, DeliveryTrouble};

use super::encode::{counter, counters};

/// What is counted of webhooks.
#[derive(Debug, Default)]
pub struct WebhookFigures {
    delivered: AtomicU64,
    refused: AtomicU64,
    troubles: [AtomicU64; DeliveryTrouble::ALL.len()],
    disabled: AtomicU64,
}

impl WebhookFigures {
    /// An attempt was made.
    pub(crate) fn attempted(&self, answer: DeliveryAnswer) {
        let figure = match answer {
            answer if answer.is_success() => Some(&self.delivered),
            DeliveryAnswer::Status(_) => Some(&self.refused),
            DeliveryAnswer::Trouble(trouble) => {
                let at = DeliveryTrouble::ALL.iter().position(|known| *known == trouble);
                at.and_then(|at| self.troubles.get(at))
            }
        };
        figure.map(|figure| figure.fetch_add(1, Ordering::Relaxed));
    }

    /// A webhook was disabled.
    pub(crate) fn disabled(&self) {
        self.disabled.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let troubles = DeliveryTrouble::ALL.iter().zip(&self.troubles);
        let troubles = troubles.map(|(trouble, count)| (vec![("result", trouble.as_str())], read(count)));
        let answered = [("delivered", &self.delivered), ("refused", &self.refused)];
        let answered = answered.map(|(result, count)| (vec![("result", result)], read(count)));
        let attempts = answered.into_iter().chain(troubles);
        counters(
            encoder,
            "thumbturn_webhook_attempts",
            "Attempts to deliver an event, by what came of them.",
            attempts,
        )?;
        let help = "Webhooks that were disabled because every attempt failed for too long.";
        counter(encoder, "thumbturn_webhooks_disabled", help, read(&self.disabled))
    }
}
