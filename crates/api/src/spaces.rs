//! Spaces: what an application calls a room, a flat or a building, and the devices in it. Rules as in the "Spaces"
//! chapter of the Seam API reference.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connected_accounts::ConnectedAccount;
use crate::devices::Device;
use crate::endpoint::endpoints;
use crate::enums::string_enum;
use crate::envelope::Page;
use crate::ids::{AcsEntranceId, ConnectedAccountId, DeviceId, SpaceId, WorkspaceId};
use crate::params::{JsonObject, Nullable, Param, read_object};
use crate::problems::Problems;
use crate::schema::{Kind, Schema};
use crate::time::Timestamp;
use crate::values::{Limit, List, NonEmptyString, Text};

/// Longest name or key that is kept, in characters.
const KEPT_CHARS: usize = 500;

/// Most spaces whose related resources are answered in one call.
const MOST_RELATED: usize = 500;

/// A name or a key that is kept.
type Kept = Text<1, KEPT_CHARS>;

/// A space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "space", extend("x-route-path" = "/spaces"))]
pub struct Space {
    /// Id of the space.
    pub space_id: SpaceId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// Its name.
    pub name: String,
    /// The same.
    pub display_name: String,
    /// The application's own id of it, unique in the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space_key: Option<String>,
    /// The customer it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_key: Option<String>,
    /// What the application noted of stays there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_data: Option<BTreeMap<String, String>>,
    /// How many devices are in it, managed or not.
    pub device_count: u64,
    /// Always 0: there are no access systems here.
    pub acs_entrance_count: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Texts to set (`Some`) and keys to remove (`None`, sent as `null`) in what the application notes of stays in a space:
/// `address`, `default_checkin_time`, `default_checkout_time`, `time_zone`, and keys of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerData(pub BTreeMap<String, Option<String>>);

impl CustomerData {
    /// Largest number of keys.
    pub const MAX_KEYS: usize = 50;

    /// Keys whose text is a time of day.
    const TIMES: [&'static str; 2] = ["default_checkin_time", "default_checkout_time"];
}

/// `HH:mm` or `HH:mm:ss`.
fn is_time_of_day(text: &str) -> bool {
    let mut parts = text.split(':');
    let mut within = |most: u32| {
        let part = parts.next().filter(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()));
        part.and_then(|part| part.parse::<u32>().ok()).is_some_and(|number| number <= most)
    };
    let starts = within(23) && within(59);
    starts && (text.len() == "HH:mm".len() || within(59)) && parts.next().is_none()
}

fn read_datum(key: &str, value: &Value, problems: &mut Problems) -> Option<Option<String>> {
    match value {
        Value::Null => return Some(None),
        Value::String(text) if text.chars().count() > KEPT_CHARS => {
            problems.add(format!("String must contain at most {KEPT_CHARS} character(s)"));
        }
        Value::String(text) if CustomerData::TIMES.contains(&key) && !is_time_of_day(text) => {
            problems.add("Invalid time, expected HH:mm or HH:mm:ss");
        }
        Value::String(text) => return Some(Some(text.clone())),
        _ => problems.add_type("string", value),
    }
    None
}

impl Param for CustomerData {
    fn schema() -> Schema {
        Schema::of(Kind::Map { values: Box::new(Schema::text(None, Some(KEPT_CHARS)).or_null()) })
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        let input: &JsonObject = read_object(value, problems)?;
        if input.values().filter(|value| !value.is_null()).count() > Self::MAX_KEYS {
            problems.add(format!("Object must contain at most {} key(s)", Self::MAX_KEYS));
        }
        let mut pairs = BTreeMap::new();
        for (key, value) in input {
            if key.is_empty() || key.chars().count() > KEPT_CHARS {
                problems.at(key, |at| at.add(format!("Key must have 1 to {KEPT_CHARS} characters")));
            }
            let datum = problems.at(key, |at| read_datum(key, value, at));
            pairs.extend(datum.map(|datum| (key.clone(), datum)));
        }
        problems.is_empty().then_some(Self(pairs))
    }
}

string_enum! {
    /// A kind of resource that belongs to a space.
    RelatedKind {
        /// The spaces themselves.
        Spaces = "spaces",
        /// The devices in them.
        Devices = "devices",
        /// Entrances of access systems. There are none here.
        AcsEntrances = "acs_entrances",
        /// The accounts in them, and those of their devices.
        ConnectedAccounts = "connected_accounts",
        /// Access systems. There are none here.
        AcsSystems = "acs_systems",
        /// Access methods. There are none here.
        AccessMethods = "access_methods",
    }
}

/// Everything that belongs to some spaces. A kind that was not asked for is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Related {
    /// The spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spaces: Option<Vec<Space>>,
    /// The managed devices in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<Device>>,
    /// Always empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acs_entrances: Option<Vec<JsonObject>>,
    /// The accounts in them, and those of their devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected_accounts: Option<Vec<ConnectedAccount>>,
    /// Always empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acs_systems: Option<Vec<JsonObject>>,
    /// Always empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_methods: Option<Vec<JsonObject>>,
}

endpoints! {
    /// Makes a space.
    ///
    /// A `space_key` that the workspace has already answers `space_key_already_exists`.
    endpoint CreateSpace {
        path: "/spaces/create",
        methods: [POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [space] => Space,
        changes: true,
        params: {
            /// Its name.
            name: Kept,
            /// The application's own id of it, unique in the workspace.
            space_key: Option<Kept>,
            /// The customer it belongs to.
            customer_key: Option<Kept>,
            /// Devices to put into it.
            device_ids: Option<Vec<DeviceId>>,
            /// Entrances of access systems. There are none here, so any answers `not_supported`.
            acs_entrance_ids: Option<Vec<AcsEntranceId>>,
            /// Accounts to put into it with all their devices, those found later too.
            connected_account_ids: Option<Vec<ConnectedAccountId>>,
            /// What to note of stays there.
            customer_data: Option<CustomerData>,
        },
        errors: [SpaceKeyAlreadyExists, NotSupported],
    }

    /// Returns one space.
    endpoint GetSpace {
        path: "/spaces/get",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [space] => Space,
        changes: false,
        params: {
            /// The space.
            space_id: Option<SpaceId>,
            /// The application's own id of it.
            space_key: Option<NonEmptyString>,
        },
        rules: [ExactlyOne("space_id", "space_key")],
    }

    /// Lists spaces, oldest first.
    endpoint ListSpaces {
        path: "/spaces/list",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [spaces] => Page<Space>,
        changes: false,
        params: {
            /// Only spaces of this customer.
            customer_key: Option<NonEmptyString>,
            /// Only the space with this key.
            space_key: Option<NonEmptyString>,
            /// Only spaces in which this text occurs: name, key or customer. Case does not matter.
            search: Option<NonEmptyString>,
            /// Only spaces with this account in them, or with devices of it.
            connected_account_id: Option<ConnectedAccountId>,
            /// Only spaces within this one. Spaces have no parents here, so it matches none.
            parent_space_id: Option<SpaceId>,
            /// Only spaces within the one with this key. It matches none.
            parent_space_key: Option<NonEmptyString>,
            /// Largest number of spaces to answer.
            limit: Limit = Limit::DEFAULT,
            /// Where to go on, from the previous page.
            page_cursor: Nullable<String>,
        },
    }

    /// Changes a space. What is left out stays as it is.
    endpoint UpdateSpace {
        path: "/spaces/update",
        methods: [PATCH, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [space] => Space,
        changes: true,
        params: {
            /// The space. Together with `space_key` both have to match.
            space_id: Option<SpaceId>,
            /// The application's own id of it.
            space_key: Option<NonEmptyString>,
            /// Its new name.
            name: Option<Kept>,
            /// The devices that are to be in it, instead of those that were put there by themselves.
            device_ids: Option<Vec<DeviceId>>,
            /// Entrances of access systems. There are none here, so any answers `not_supported`.
            acs_entrance_ids: Option<Vec<AcsEntranceId>>,
            /// What to note of stays there: keys to set, and with `null` keys to remove.
            customer_data: Option<CustomerData>,
        },
        rules: [AtLeastOne("space_id", "space_key")],
        errors: [NotSupported],
    }

    /// Deletes a space. What was in it stays.
    endpoint DeleteSpace {
        path: "/spaces/delete",
        methods: [DELETE, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The space.
            space_id: SpaceId,
        },
    }

    /// Puts devices into a space. Those that are in it already stay.
    endpoint AddDevicesToSpace {
        path: "/spaces/add_devices",
        methods: [PUT, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The space.
            space_id: SpaceId,
            /// The devices.
            device_ids: List<DeviceId, 1, { usize::MAX }>,
        },
    }

    /// Takes devices out of a space. Those that are not in it stay out; those that are in it with their account stay in.
    endpoint RemoveDevicesFromSpace {
        path: "/spaces/remove_devices",
        methods: [DELETE, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The space.
            space_id: SpaceId,
            /// The devices.
            device_ids: Vec<DeviceId>,
        },
    }

    /// Puts an account into a space with all its devices, those found later too.
    endpoint AddConnectedAccountToSpace {
        path: "/spaces/add_connected_account",
        methods: [PUT, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The space.
            space_id: SpaceId,
            /// The account.
            connected_account_id: ConnectedAccountId,
        },
    }

    /// Takes an account out of a space. Devices of it that were put there by themselves stay.
    endpoint RemoveConnectedAccountFromSpace {
        path: "/spaces/remove_connected_account",
        methods: [DELETE, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The space.
            space_id: SpaceId,
            /// The account.
            connected_account_id: ConnectedAccountId,
        },
    }

    /// Puts entrances of access systems into a space. There are none here: answers `not_supported`.
    endpoint AddAcsEntrancesToSpace {
        path: "/spaces/add_acs_entrances",
        methods: [PUT, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The space.
            space_id: SpaceId,
            /// The entrances.
            acs_entrance_ids: Vec<AcsEntranceId>,
        },
        errors: [NotSupported],
        without: "entrances: there are none here",
    }

    /// Takes entrances of access systems out of a space. There are none here: answers `not_supported`.
    endpoint RemoveAcsEntrancesFromSpace {
        path: "/spaces/remove_acs_entrances",
        methods: [DELETE, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [] => (),
        changes: true,
        params: {
            /// The space.
            space_id: SpaceId,
            /// The entrances.
            acs_entrance_ids: Vec<AcsEntranceId>,
        },
        errors: [NotSupported],
        without: "entrances: there are none here",
    }

    /// Returns spaces with everything that belongs to them.
    endpoint GetRelatedOfSpaces {
        path: "/spaces/get_related",
        methods: [GET, POST],
        auth: [ApiKey, PatWithWorkspace],
        response: [batch] => Related,
        changes: false,
        params: {
            /// The spaces.
            space_ids: Option<List<SpaceId, 0, MOST_RELATED>>,
            /// The application's own ids of spaces.
            space_keys: Option<List<NonEmptyString, 0, MOST_RELATED>>,
            /// Kinds to answer; all by default.
            include: Option<Vec<RelatedKind>>,
            /// Kinds to leave out.
            exclude: Option<Vec<RelatedKind>>,
        },
        rules: [AtLeastOne("space_ids", "space_keys")],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_of_day_has_two_digits_each() {
        for right in ["00:00", "15:00", "23:59:59"] {
            assert!(is_time_of_day(right), "{right}");
        }
        for wrong in ["", "3:00", "24:00", "12:60", "12:00:60", "12:00:00:00", "12:00:", "12", "1a:00", "+1:00", "12:0"]
        {
            assert!(!is_time_of_day(wrong), "{wrong}");
        }
    }

    #[test]
    fn customer_data_are_texts_and_nulls() {
        let read = |value: Value| {
            let mut problems = Problems::default();
            CustomerData::read(&value, &mut problems).ok_or_else(|| problems.message())
        };
        let data = read(json!({"address": "High Street 1", "default_checkin_time": null, "guesty_name": ""})).unwrap();
        assert_eq!(data.0["default_checkin_time"], None);
        assert_eq!(data.0["guesty_name"], Some(String::new()));
        for (wrong, message) in [
            (json!({"address": 5}), "Expected string, received number for \"address\""),
            (
                json!({"default_checkout_time": "noon"}),
                "Invalid time, expected HH:mm or HH:mm:ss for \"default_checkout_time\"",
            ),
            (json!({"a": "x".repeat(501)}), "String must contain at most 500 character(s) for \"a\""),
        ] {
            assert_eq!(read(wrong).unwrap_err(), message);
        }
        let many: JsonObject = (0..51).map(|n| (n.to_string(), json!("x"))).collect();
        assert_eq!(read(Value::Object(many)).unwrap_err(), "Object must contain at most 50 key(s)");
    }
}
