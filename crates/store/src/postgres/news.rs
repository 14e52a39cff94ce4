//! What other processes on the same database changed: their commits notify, and what is cached of it is forgotten.
//!
//! A connection that listens proves that nothing was missed. While there is none, nothing is cached at all.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::connect::SharedConnector;
use crate::caches::{Caches, Stale};

/// The channel.
const CHANNEL: &str = "thumbturn_stale";
/// Longest text of one notification, in bytes; PostgreSQL takes 7,999.
const LONGEST: usize = 7_500;
/// Between two proofs that the connection lives.
const BEAT: Duration = Duration::from_millis(400);
/// How long such a proof may take.
const SILENCE: Duration = Duration::from_millis(500);
/// Between two tries to connect.
const RETRY: Duration = Duration::from_millis(250);

/// Sends one notification.
pub(super) const NOTIFY: &str = "SELECT pg_notify('thumbturn_stale', $1)";

/// What `writer` tells the others about, as texts of notifications. What only costs them a look, if they missed it, is
/// left out: the state of every device would be too much.
pub(super) fn told<'a>(writer: &str, stale: impl Iterator<Item = &'a Stale>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for word in stale.filter_map(Stale::word) {
        match texts.last_mut().filter(|text| text.len() + word.len() < LONGEST) {
            Some(text) => *text = format!("{text} {word}"),
            None => texts.push(format!("{writer} {word}")),
        }
    }
    texts
}

/// Forgets what a notification tells of, unless it is one of `own`.
fn hear(caches: &Caches, own: &str, text: &str) {
    let mut words = text.split(' ');
    if words.next() == Some(own) {
        return;
    }
    let stale: Option<Vec<Stale>> = words.map(Stale::from_word).collect();
    match stale {
        Some(stale) => caches.forget(stale.iter()),
        // From a newer program.
        None => caches.forget_all(),
    }
}

/// Listens for as long as the store is open.
pub(super) async fn listen(connector: SharedConnector, caches: Arc<Caches>, own: String) {
    loop {
        let (sender, mut news) = mpsc::unbounded_channel();
        if let Ok(link) = connector.connect("news", Some(sender)).await
            && link.client.batch_execute(&format!("LISTEN {CHANNEL}")).await.is_ok()
        {
            caches.resume();
            loop {
                tokio::select! {
                    told = news.recv() => match told {
                        Some(told) => hear(&caches, &own, told.payload()),
                        None => break,
                    },
                    () = sleep(BEAT) => {
                        if !matches!(timeout(SILENCE, link.client.batch_execute("")).await, Ok(Ok(()))) {
                            break;
                        }
                    }
                }
            }
            caches.suspend();
        }
        sleep(RETRY).await;
    }
}
