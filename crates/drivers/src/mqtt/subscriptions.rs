//! What is subscribed to at the broker.
//!
//! A topic that is wanted once more is subscribed to once more: the broker sends what it kept there once for each
//! subscription, and whoever is new has not heard it.
//!
//! Subscriptions go out in portions, each after the broker has confirmed the one before: a broker drops what does not fit
//! into its queue for one client, and a thousand locks bring a thousand retained messages at once.

use std::collections::{HashMap, VecDeque};

/// Topics in one portion.
const PORTION: usize = 100;

/// Bytes of topics in one portion: a message that is too long ends the connection.
const PORTION_BYTES: usize = 32 * 1024;

/// The topics that are wanted, and those the broker has not been asked for yet.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    wanted: HashMap<String, Wanted>,
    waiting: VecDeque<String>,
    in_flight: Vec<String>,
}

/// One topic that is wanted.
#[derive(Debug, Default)]
struct Wanted {
    /// By how many.
    count: usize,
    /// Whether the broker was asked for it.
    is_asked: bool,
    /// Whether it is to be asked for (again).
    is_waiting: bool,
}

/// What the broker said of one portion.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answered {
    /// What is published there comes from now on.
    pub(super) granted: Vec<String>,
    /// Nothing will ever come from there.
    pub(super) refused: Vec<String>,
}

impl Subscriptions {
    /// Wants `topic`, perhaps once more.
    pub(super) fn want(&mut self, topic: String) {
        let wanted = self.wanted.entry(topic.clone()).or_default();
        wanted.count += 1;
        if !std::mem::replace(&mut wanted.is_waiting, true) {
            self.waiting.push_back(topic);
        }
    }

    /// Has the broker send once more what it kept on a topic that is wanted.
    pub(super) fn refresh(&mut self, topic: &str) {
        let Some(wanted) = self.wanted.get_mut(topic) else { return };
        if !std::mem::replace(&mut wanted.is_waiting, true) {
            self.waiting.push_back(topic.to_owned());
        }
    }

    /// Lets go of `topic` once; `true` if nobody wants it any more and the broker must be told.
    pub(super) fn drop(&mut self, topic: &str) -> bool {
        let Some(wanted) = self.wanted.get_mut(topic) else { return false };
        wanted.count -= 1;
        if wanted.count > 0 {
            return false;
        }
        let Wanted { is_asked, is_waiting, .. } = *wanted;
        self.wanted.remove(topic);
        if is_waiting {
            self.waiting.retain(|waiting| waiting != topic);
        }
        is_asked
    }

    /// The next portion, if the one before is through.
    pub(super) fn portion(&mut self) -> Vec<String> {
        if !self.in_flight.is_empty() {
            return Vec::new();
        }
        let count = self.portion_length();
        self.in_flight = self.waiting.drain(..count).collect();
        for topic in &self.in_flight {
            if let Some(wanted) = self.wanted.get_mut(topic) {
                (wanted.is_asked, wanted.is_waiting) = (true, false);
            }
        }
        self.in_flight.clone()
    }

    /// How many of the waiting topics fit into one portion; at least one, so that none is held back for ever.
    fn portion_length(&self) -> usize {
        let mut bytes = 0;
        let fits = |topic: &&String| {
            bytes += topic.len();
            bytes <= PORTION_BYTES
        };
        self.waiting.iter().take(PORTION).take_while(fits).count().max(1).min(self.waiting.len())
    }

    /// The portion is through.
    pub(super) fn confirmed(&mut self) {
        self.in_flight.clear();
    }

    /// The broker answered for a portion, topic by topic. What it does not mention it does not grant.
    pub(super) fn answered(&mut self, grants: &[bool]) -> Answered {
        let mut answered = Answered::default();
        for (at, topic) in self.in_flight.drain(..).enumerate() {
            let is_granted = grants.get(at).copied().unwrap_or(false);
            if is_granted { answered.granted.push(topic) } else { answered.refused.push(topic) }
        }
        answered
    }

    /// Whether the broker has answered for everything.
    pub(super) fn are_done(&self) -> bool {
        self.in_flight.is_empty() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_wait_for_each_other() {
        let mut subscriptions = Subscriptions::default();
        (0..150).for_each(|n| subscriptions.want(n.to_string()));
        assert_eq!(subscriptions.portion().len(), 100);
        assert!(subscriptions.portion().is_empty());
        subscriptions.confirmed();
        assert_eq!(subscriptions.portion().len(), 50);
        assert!(!subscriptions.are_done());
        subscriptions.confirmed();
        assert!(subscriptions.are_done() && subscriptions.portion().is_empty());
    }

    #[test]
    fn a_shared_topic_is_dropped_last() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.want("a".to_owned());
        subscriptions.want("a".to_owned());
        assert_eq!(subscriptions.portion(), ["a"]);
        assert!(!subscriptions.drop("a"));
        assert!(subscriptions.drop("a"));
        assert!(!subscriptions.drop("a"));
        subscriptions.want("b".to_owned());
        assert!(!subscriptions.drop("b"), "never asked for");
        subscriptions.confirmed();
        assert!(subscriptions.are_done());
    }

    /// The broker sends what it kept on a topic once for each subscription, and whoever is new wants to hear it.
    #[test]
    fn a_topic_that_is_wanted_once_more_is_asked_for_once_more() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.want("a".to_owned());
        assert_eq!(subscriptions.portion(), ["a"]);
        subscriptions.want("a".to_owned());
        subscriptions.want("a".to_owned());
        subscriptions.confirmed();
        assert_eq!(subscriptions.portion(), ["a"]);
        subscriptions.confirmed();
        subscriptions.want("a".to_owned());
        assert!(!subscriptions.drop("a") && !subscriptions.drop("a") && !subscriptions.drop("a"));
        assert!(subscriptions.drop("a"), "asked for, though it waits to be asked for again");
        assert!(subscriptions.portion().is_empty());
    }

    #[test]
    fn a_topic_is_refreshed_once_and_only_if_it_is_wanted() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.want("a".to_owned());
        assert_eq!(subscriptions.portion(), ["a"]);
        subscriptions.confirmed();
        for topic in ["a", "a", "b"] {
            subscriptions.refresh(topic);
        }
        assert_eq!(subscriptions.portion(), ["a"]);
        assert!(subscriptions.drop("a"), "wanted as often as before");
    }

    #[test]
    fn long_topics_make_short_portions() {
        let mut subscriptions = Subscriptions::default();
        (0..150).for_each(|n| subscriptions.want(format!("{n}{}", "x".repeat(1000))));
        let mut asked = 0;
        while !subscriptions.are_done() {
            let portion = subscriptions.portion();
            let bytes: usize = portion.iter().map(String::len).sum();
            assert!(!portion.is_empty() && bytes < 64 * 1024, "{bytes}");
            asked += portion.len();
            subscriptions.confirmed();
        }
        assert_eq!(asked, 150);
        subscriptions.want("x".repeat(1_000_000));
        assert_eq!(subscriptions.portion().len(), 1, "even what is too long is not held back for ever");
    }

    #[test]
    fn refused_topics_are_told_from_granted_ones() {
        let mut subscriptions = Subscriptions::default();
        ["a", "b", "c"].into_iter().for_each(|topic| subscriptions.want(topic.to_owned()));
        subscriptions.portion();
        let answered = subscriptions.answered(&[true, false]);
        assert_eq!((answered.granted, answered.refused), (vec!["a".to_owned()], vec!["b".to_owned(), "c".to_owned()]));
        assert!(subscriptions.are_done());
    }
}
