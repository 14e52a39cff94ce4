//! Attempts as records: what is kept of them and how they can end. The rules that decide the end are in
//! [`crate::attempt`].

use jiff::Timestamp;

use crate::ids::{AccountId, AttemptId, DeviceId, WorkspaceId};
use crate::locks::{Action, Unavailable};

/// An attempt as the database holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// The account whose hub session carries it out; `None` for what is about a workspace as a whole.
    pub account: Option<AccountId>,
    /// The lock; `None` for what is about a workspace as a whole.
    pub device: Option<DeviceId>,
    /// What it is to do.
    pub action: Action,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// How it ended; `None` while pending.
    pub outcome: Option<Outcome>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The command was carried out.
    Success {
        /// Whether there is evidence that the lock is in the wanted state, caused by our command or read after it.
        confirmed: bool,
    },
    /// It was not, or nobody knows.
    Failure(Failure),
}

impl Outcome {
    /// Whether it is a success, confirmed or not.
    #[must_use]
    pub const fn succeeded(&self) -> bool {
        matches!(self, Self::Success { .. })
    }
}

/// Why an attempt failed: the contract's `error.type` and a text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The type.
    pub kind: FailureKind,
    /// What happened, for people.
    pub message: String,
}

impl From<FailureKind> for Failure {
    fn from(kind: FailureKind) -> Self {
        Self { kind, message: kind.message().to_owned() }
    }
}

macro_rules! failure_kinds {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $message:literal;)+) => {
        /// The types of failure, in the contract's words.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FailureKind {
            $($(#[$doc])* $variant,)+
        }

        impl FailureKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The contract's word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The text for people where nothing more is known.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)+ }
            }

            /// The kind that `word` names.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
            }
        }
    };
}

failure_kinds! {
    /// The lock is known to be unreachable; nothing was sent.
    DeviceDisconnected = "device_disconnected", "The lock cannot be reached. No command was sent.";
    /// The hub cannot be reached; nothing was sent.
    HubDisconnected = "hub_disconnected", "The lock's hub is not connected. No command was sent.";
    /// The hub refuses our credentials; nothing was sent.
    AccountDisconnected = "account_disconnected", "The hub refuses the account's credentials. No command was sent.";
    /// The lock vanished from its hub while the attempt waited.
    DeviceRemoved = "device_removed", "The lock was removed from its hub or its account.";
    /// The lock or its hub refused the command.
    CommandRejected = "command_rejected", "The lock or its hub refused the command.";
    /// Accepted, and a read after it still shows the old state.
    NoMovement = "no_movement", "The lock accepted the command, but its bolt did not move.";
    /// The lock reported a jam.
    LockJammed = "lock_jammed", "The lock reports that its bolt is jammed.";
    /// The lock reported an obstruction.
    BoltObstructed = "bolt_obstructed", "The lock reports that something blocks its bolt.";
    /// The lock refuses remote operation.
    PrivacyMode = "privacy_mode", "The lock is in privacy mode and refuses remote operation.";
    /// A PIN was typed that the lock does not know.
    UnknownCode = "unknown_code", "The lock does not know this code.";
    /// Too many wrong PINs were typed in a row.
    TooManyAttempts = "too_many_attempts", "Too many wrong codes in a row: the keypad is locked for a while.";
    /// Never sent within its time.
    Expired = "action_attempt_expired", "The command could not be sent in time. No command was sent.";
    /// Sent, and nothing was heard within its time.
    OutcomeUnknown = "outcome_unknown", "The command was sent, but nothing tells whether the bolt moved.";
    /// Anything else.
    Uncategorized = "uncategorized_error", "The command failed.";
}

impl From<Unavailable> for FailureKind {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::HubDisconnected => Self::HubDisconnected,
            Unavailable::AccountDisconnected => Self::AccountDisconnected,
            Unavailable::DeviceDisconnected => Self::DeviceDisconnected,
            Unavailable::DeviceRemoved => Self::DeviceRemoved,
        }
    }
}
