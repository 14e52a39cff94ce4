//! What other processes on the same database changed: their commits notify, and what is cached of it is forgotten. What
//! nodes tell each other beyond that goes to the [`Board`].
//!
//! A connection that listens proves that nothing was missed. While there is none, nothing is cached at all.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use thumbturn_core::ids::NodeId;
use thumbturn_core::nodes::Channel;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::connect::SharedConnector;
use crate::board::Board;
use crate::caches::{Caches, Stale};
use crate::writer::Plan;

/// The channel for what is cached.
const STALE: &str = "thumbturn_stale";
/// Longest text of one notification, in bytes; PostgreSQL takes 7,999.
const LONGEST: usize = 7_500;
/// Between two proofs that the connection lives.
const BEAT: Duration = Duration::from_millis(400);
/// How long such a proof may take.
const SILENCE: Duration = Duration::from_millis(500);
/// Between two tries to connect.
const RETRY: Duration = Duration::from_millis(250);

/// Sends one notification: channel and text.
pub(super) const NOTIFY: &str = "SELECT pg_notify($1, $2)";

/// What `writer` tells the others of these plans, as channels and texts of notifications. What only costs them a look, if
/// they missed it, is left out: the state of every device would be too much. `None` where no others keep anything cached.
pub(super) fn told<'a>(writer: Option<&str>, plans: impl Iterator<Item = &'a Plan> + Clone) -> Vec<[String; 2]> {
    // Once each: in a busy workspace every change tells of an event.
    let mut known = HashSet::new();
    let mut told = Vec::new();
    if writer.is_some() {
        let stale = plans.clone().flat_map(|plan| &plan.stale).filter(|stale| known.insert(**stale));
        told = texts(STALE, writer, stale.filter_map(Stale::word));
    }
    for channel in Channel::ALL {
        let news = plans.clone().flat_map(|plan| &plan.news).filter(|(on, _)| on == channel);
        told.extend(texts(channel.name(), None, news.map(|(_, word)| word.clone())));
    }
    told
}

/// Words for a channel, as few texts as they fit into, each behind `first`.
fn texts(channel: &str, first: Option<&str>, words: impl Iterator<Item = String>) -> Vec<[String; 2]> {
    let mut texts: Vec<[String; 2]> = Vec::new();
    for word in words {
        match texts.last_mut().filter(|[_, text]| text.len() + word.len() < LONGEST) {
            Some([_, text]) => *text = format!("{text} {word}"),
            None => texts.push([channel.to_owned(), first.map_or(word.clone(), |first| format!("{first} {word}"))]),
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
pub(super) async fn listen(
    connector: SharedConnector,
    caches: Arc<Caches>,
    board: Arc<Board>,
    own: watch::Receiver<NodeId>,
) {
    let channels = Channel::ALL.iter().map(|channel| channel.name()).chain([STALE]);
    let listen: String = channels.map(|name| format!("LISTEN {name};")).collect();
    loop {
        let (sender, mut news) = mpsc::unbounded_channel();
        if let Ok(link) = connector.connect("news", Some(sender)).await
            && link.client.batch_execute(&listen).await.is_ok()
        {
            caches.resume();
            board.missed();
            loop {
                tokio::select! {
                    told = news.recv() => match told {
                        Some(told) if told.channel() == STALE => hear(&caches, &own.borrow().to_string(), told.payload()),
                        Some(told) => board.tell(told.channel(), told.payload()),
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
