//! Several servers on one database: what they are to each other, and how they hear of each other.

use crate::attempts::Outcome;
use crate::ids::{AttemptId, NodeId};

/// Which node commands the hub of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This one.
    Here,
    /// Another one, which was alive when the database was asked.
    Node(NodeId),
    /// None at present: its node has stopped or died, and another one takes it within seconds.
    Nobody,
}

macro_rules! channels {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)+) => {
        /// What nodes tell each other of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Channel {
            $($(#[$doc])* $variant,)+
        }

        impl Channel {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name in the database.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

channels! {
    /// Attempts were accepted by a node that does not command their hubs. The words are their ids.
    Attempts = "thumbturn_attempts";
    /// Attempts ended that another node had accepted. The words are [`end_word`]s.
    Ended = "thumbturn_ended";
    /// Accounts became free. No words.
    Owners = "thumbturn_owners";
    /// Calls wait for the node that commands a hub. The words are their ids.
    Calls = "thumbturn_calls";
    /// Forwarded calls were answered. The words are their ids.
    Answers = "thumbturn_answers";
}

/// Behind the id of an attempt: it ended as a confirmed success.
const CONFIRMED: char = '+';

/// The word of an attempt that ended so: its id, and whether it was a confirmed success, which nobody has to look up then.
#[must_use]
pub fn end_word(attempt: AttemptId, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Success { confirmed: true } => format!("{attempt}{CONFIRMED}"),
        _ => attempt.to_string(),
    }
}

/// Which attempt a word of [`end_word`] is about, and how it ended if it says so; `None` of what a newer program wrote.
#[must_use]
pub fn end_of_word(word: &str) -> Option<(AttemptId, Option<Outcome>)> {
    match word.strip_suffix(CONFIRMED) {
        Some(id) => Some((AttemptId(id.parse().ok()?), Some(Outcome::Success { confirmed: true }))),
        None => Some((AttemptId(word.parse().ok()?), None)),
    }
}

/// What is heard on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// These words.
    Words(String),
    /// Something may have been said that was not heard: who listens looks for itself.
    Missed,
}

/// Where what is told on one channel arrives.
#[derive(Debug)]
pub struct News {
    heard: Option<tokio::sync::broadcast::Receiver<Told>>,
}

impl News {
    /// News from other nodes.
    #[must_use]
    pub const fn of(heard: tokio::sync::broadcast::Receiver<Told>) -> Self {
        Self { heard: Some(heard) }
    }

    /// Where there are no other nodes, there is never any news.
    #[must_use]
    pub const fn none() -> Self {
        Self { heard: None }
    }

    /// What was told already, and not taken in yet.
    pub fn ready(&mut self) -> Option<Told> {
        use tokio::sync::broadcast::error::TryRecvError;
        match self.heard.as_mut()?.try_recv() {
            Ok(told) => Some(told),
            Err(TryRecvError::Lagged(_)) => Some(Told::Missed),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }

    /// Returns when something was told. A safety net of its own belongs to it: a notification can be late.
    pub async fn next(&mut self) -> Told {
        use tokio::sync::broadcast::error::RecvError;
        let Some(heard) = &mut self.heard else { return std::future::pending().await };
        match heard.recv().await {
            Ok(told) => told,
            Err(RecvError::Lagged(_)) => Told::Missed,
            // The store is gone.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
