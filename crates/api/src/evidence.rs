//! Why an attempt ended as it did. Ours, under `/thumbturn/action_attempts/`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action_attempts::{ActionAttemptStatus, ActionType};
use crate::endpoint::endpoints;
use crate::enums::string_enum;
use crate::ids::{ActionAttemptId, DeviceId};
use crate::time::PreciseTimestamp;

/// What is kept of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "action_attempt_evidence", extend("x-route-path" = "/thumbturn/action_attempts"))]
pub struct ActionAttemptEvidence {
    /// The attempt.
    pub action_attempt_id: ActionAttemptId,
    /// What was attempted.
    pub action_type: ActionType,
    /// How far it is. The stages after `accepted` are kept when it ends.
    pub status: ActionAttemptStatus,
    /// The lock; `null` for what is about a workspace as a whole.
    pub device_id: Option<DeviceId>,
    /// What happened, in order.
    pub stages: Vec<EvidenceStage>,
    /// How many stages were left out, on a lock that said more than is kept of one attempt.
    pub stages_left_out: u32,
    /// The message that decided, in the hub's words: shortened to 500 bytes, without what may be a secret. `null` if
    /// nothing heard decided, and for client sessions.
    pub raw_message: Option<String>,
}

string_enum! {
    /// What happened to an attempt.
    EvidenceStageName {
        /// It was accepted.
        Accepted = "accepted",
        /// The lock was free for it.
        TurnCame = "turn_came",
        /// The command was handed to the hub, once.
        Written = "written",
        /// The hub said that the command was accepted. That proves no movement.
        Acknowledged = "acknowledged",
        /// The hub said that the lock did not acknowledge the command.
        NotAcknowledged = "not_acknowledged",
        /// The lock or its hub refused the command.
        Refused = "refused",
        /// The lock said something of its bolt.
        Reported = "reported",
        /// The lock was asked for its state.
        ReadAsked = "read_asked",
        /// That got no answer.
        ReadFailed = "read_failed",
        /// The connection to the hub was lost.
        LinkLost = "link_lost",
        /// It is there again.
        LinkBack = "link_back",
        /// A starting server found the attempt unfinished. What was heard before is not known any more.
        Restarted = "restarted",
        /// It ended.
        Ended = "ended",
    }
}

string_enum! {
    /// What a lock said of its bolt.
    EvidenceSaid {
        /// It is thrown.
        Locked = "locked",
        /// It is drawn back.
        Unlocked = "unlocked",
        /// It is stuck.
        Jammed = "jammed",
        /// Something blocks it.
        Obstructed = "obstructed",
        /// The lock does not know.
        Unsure = "unsure",
    }
}

string_enum! {
    /// How a lock said something.
    EvidenceHow {
        /// By itself, without a word on what moved the bolt.
        Untagged = "untagged",
        /// By itself, with what moved the bolt.
        Tagged = "tagged",
        /// In answer to a read.
        Read = "read",
        /// It was true once: retained, cached or replayed. Confirms nothing.
        Remembered = "remembered",
        /// The hub set it by itself. Confirms nothing.
        Assumed = "assumed",
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceStage {
    /// What.
    pub stage: EvidenceStageName,
    /// When. After a restart counted by the wall clock, otherwise from the acceptance by a clock that never jumps.
    pub at: PreciseTimestamp,
    /// Milliseconds since the acceptance.
    pub after_ms: f64,
    /// With `reported`: what the lock said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<EvidenceSaid>,
    /// With `reported`: how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<EvidenceHow>,
    /// With `tagged`: what moved the bolt, as in events of locks (`remote`, `manual`, `keycode`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// With `tagged`, where the lock tells: the keypad slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<u32>,
    /// With `ended`: the rule that decided, such as `reported_remote`, `read_back` or `silence`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
}

endpoints! {
    /// Says why an attempt ended as it did: its stages with their times, the rule that decided, and the message that
    /// decided.
    ///
    /// What a lock says after the end changes the device's state and raises an event that names the attempt, and is not
    /// added here. Evidence is kept as long as its attempt.
    endpoint GetActionAttemptEvidence {
        path: "/thumbturn/action_attempts/evidence",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [action_attempt_evidence] => ActionAttemptEvidence,
        changes: false,
        params: {
            /// The attempt. An id that is unknown or out of reach answers `action_attempt_not_found`.
            action_attempt_id: ActionAttemptId,
        },
    }
}
