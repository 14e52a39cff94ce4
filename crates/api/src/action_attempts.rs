//! Action attempts: what an action such as unlocking came to. Rules as in the "Action Attempts" chapter of the Seam
//! API reference.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::endpoint::endpoints;
use crate::enums::string_enum;
use crate::envelope::Page;
use crate::ids::{ActionAttemptId, DeviceId};
use crate::params::Nullable;
use crate::values::Limit;

string_enum! {
    /// What was attempted.
    ActionType {
        /// Lock a door.
        LockDoor = "LOCK_DOOR",
        /// Unlock a door.
        UnlockDoor = "UNLOCK_DOOR",
        /// Change the auto-lock settings.
        ConfigureAutoLock = "CONFIGURE_AUTO_LOCK",
        /// Type a code at a virtual lock.
        SimulateKeypadCodeEntry = "SIMULATE_KEYPAD_CODE_ENTRY",
        /// Press the lock button of a virtual lock.
        SimulateManualLockViaKeypad = "SIMULATE_MANUAL_LOCK_VIA_KEYPAD",
        /// Return a sandbox workspace to its first state.
        ResetSandboxWorkspace = "RESET_SANDBOX_WORKSPACE",
        /// Program an access code.
        CreateAccessCode = "CREATE_ACCESS_CODE",
        /// Change an access code.
        UpdateAccessCode = "UPDATE_ACCESS_CODE",
        /// Remove an access code.
        DeleteAccessCode = "DELETE_ACCESS_CODE",
        /// Read the access codes of a lock.
        SyncAccessCodes = "SYNC_ACCESS_CODES",
    }
}

string_enum! {
    /// How far an attempt is. There is one transition, from `pending` to one of the others.
    ActionAttemptStatus {
        /// Not decided yet.
        Pending = "pending",
        /// It worked.
        Success = "success",
        /// It did not work, or it is not known whether it did.
        Error = "error",
    }
}

/// An attempt. All five fields are always present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionAttempt {
    /// Id of the attempt.
    pub action_attempt_id: ActionAttemptId,
    /// What was attempted.
    pub action_type: ActionType,
    /// How far it is.
    pub status: ActionAttemptStatus,
    /// Present with `success`, otherwise `null`.
    pub result: Option<ActionResult>,
    /// Present with `error`, otherwise `null`.
    pub error: Option<ActionError>,
}

/// The actions that are served so far; of the others no attempt exists.
const SERVED: [ActionType; 6] = [
    ActionType::LockDoor,
    ActionType::UnlockDoor,
    ActionType::ConfigureAutoLock,
    ActionType::SimulateKeypadCodeEntry,
    ActionType::SimulateManualLockViaKeypad,
    ActionType::ResetSandboxWorkspace,
];

/// One variant for each action and each state, as the official document has them.
impl JsonSchema for ActionAttempt {
    fn schema_name() -> Cow<'static, str> {
        "action_attempt".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let result = ActionResult::json_schema(generator);
        let error = ActionError::json_schema(generator);
        let variants: Vec<Value> = SERVED.iter().flat_map(|action| variants(*action, &result, &error)).collect();
        json_schema!({
            "description": "What an action came to.",
            "oneOf": variants,
            "discriminator": {"propertyName": "action_type"},
            "x-route-path": "/action_attempts",
        })
    }
}

fn variants(action: ActionType, result: &Schema, error: &Schema) -> [Value; 3] {
    let nothing = json!({"nullable": true, "description": "Always null here."});
    let variant = |status: ActionAttemptStatus, result: &Value, error: &Value| {
        json!({
            "type": "object",
            "description": format!("{action}: {status}."),
            "properties": {
                "action_attempt_id": {"type": "string", "format": "uuid", "description": "Id of the attempt."},
                "action_type": {"type": "string", "enum": [action], "description": "What was attempted."},
                "status": {"type": "string", "enum": [status], "description": "How far it is."},
                "result": result,
                "error": error,
            },
            "required": ["action_attempt_id", "action_type", "status", "result", "error"],
        })
    };
    let (result, error) = (result.as_value(), error.as_value());
    [
        variant(ActionAttemptStatus::Pending, &nothing, &nothing),
        variant(ActionAttemptStatus::Success, result, &nothing),
        variant(ActionAttemptStatus::Error, &nothing, error),
    ]
}

impl ActionAttempt {
    /// An attempt that is not decided yet.
    pub fn pending(action_attempt_id: ActionAttemptId, action_type: ActionType) -> Self {
        Self { action_attempt_id, action_type, status: ActionAttemptStatus::Pending, result: None, error: None }
    }

    /// The same attempt, decided: it worked.
    #[must_use]
    pub fn succeeded(self, result: ActionResult) -> Self {
        Self { status: ActionAttemptStatus::Success, result: Some(result), error: None, ..self }
    }

    /// The same attempt, decided: it did not work.
    #[must_use]
    pub fn failed(self, error: ActionError) -> Self {
        Self { status: ActionAttemptStatus::Error, result: None, error: Some(error), ..self }
    }
}

/// What a successful attempt says; `{}` for most action types.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActionResult {
    /// Always present for `LOCK_DOOR` and `UNLOCK_DOOR`: whether the lock itself reported the new state because of the
    /// command. `false` when the hardware cannot or did not confirm it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_confirmed_by_device: Option<bool>,
}

/// Why an attempt did not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActionError {
    /// The machine code, such as `lock_jammed` or `outcome_unknown`.
    #[serde(rename = "type")]
    pub error_type: String,
    /// Text for people.
    pub message: String,
}

endpoints! {
    /// Returns one action attempt.
    endpoint GetActionAttempt {
        path: "/action_attempts/get",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace, ClientSession],
        response: [action_attempt] => ActionAttempt,
        changes: false,
        params: {
            /// The attempt. An id that is unknown or out of reach answers `action_attempt_not_found`.
            action_attempt_id: ActionAttemptId,
        },
    }

    /// Lists action attempts, oldest first.
    endpoint ListActionAttempts {
        path: "/action_attempts/list",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [action_attempts] => Page<ActionAttempt>,
        changes: false,
        params: {
            /// Only these; unknown ids are skipped.
            action_attempt_ids: Option<Vec<ActionAttemptId>>,
            /// Only attempts on this device.
            device_id: Option<DeviceId>,
            /// Largest number of attempts to answer.
            limit: Limit = Limit::DEFAULT,
            /// Where to go on, from the previous page.
            page_cursor: Nullable<String>,
        },
    }
}
