//! Reading parameters: what is accepted, and how every problem is reported at once.

use serde_json::{Value, json};
use thumbturn_api::client_sessions::CreateClientSession;
use thumbturn_api::connected_accounts::{ConnectHub, GetConnectedAccount, ListConnectedAccounts, Provider};
use thumbturn_api::devices::{GetDevice, ListDevices, UpdateDevice};
use thumbturn_api::events::{GetEvent, ListEvents};
use thumbturn_api::locks::{ListLocks, UnlockDoor};
use thumbturn_api::sandbox::{ActOnSandboxLock, FaultTimes, SetSandboxLock};
use thumbturn_api::{ApiError, Endpoint, Nullable};

const ID: &str = "0d7a1c54-3b0e-4c5e-8d6f-9a1b2c3d4e5f";

fn read<E: Endpoint>(input: Value) -> Result<E, ApiError> {
    let Value::Object(input) = input else { panic!("not an object") };
    E::read(&input).map_err(ApiError::from)
}

fn message<E: Endpoint>(input: Value) -> String {
    read::<E>(input).err().expect("the input is wrong").message
}

fn tree<E: Endpoint>(input: Value) -> Value {
    read::<E>(input).err().expect("the input is wrong").body().error.validation_errors.unwrap()
}

#[test]
fn defaults_apply_and_unknown_parameters_are_ignored() {
    let unlock: UnlockDoor = read(json!({"device_id": ID, "newer": {"than": "us"}})).unwrap();
    assert_eq!(unlock.device_id.to_string(), ID);
    assert!(!unlock.sync);
    assert_eq!(read::<ListDevices>(json!({})).unwrap().limit.get(), 500);
    assert_eq!(read::<ListConnectedAccounts>(json!({})).unwrap().limit.get(), 11_000);
}

#[test]
fn a_missing_parameter_is_required() {
    assert_eq!(message::<UnlockDoor>(json!({})), "device_id is required");
    assert_eq!(tree::<UnlockDoor>(json!({})), json!({"_errors": [], "device_id": {"_errors": ["Required"]}}));
}

#[test]
fn a_wrong_type_is_named() {
    assert_eq!(message::<UnlockDoor>(json!({"device_id": 5})), "Expected string, received number for \"device_id\"");
    assert_eq!(message::<UnlockDoor>(json!({"device_id": null})), "Expected string, received null for \"device_id\"");
    assert_eq!(
        message::<UnlockDoor>(json!({"device_id": ID, "sync": "yes"})),
        "Expected boolean, received string for \"sync\""
    );
    assert_eq!(
        message::<UpdateDevice>(json!({"device_id": ID, "properties": "x"})),
        "Expected object, received string for \"properties\""
    );
}

#[test]
fn only_the_usual_form_of_a_uuid_is_an_id() {
    for wrong in ["", "x", &ID.replace('-', ""), &format!("{{{ID}}}"), &format!("urn:uuid:{ID}"), &format!("{ID} ")] {
        assert_eq!(message::<UnlockDoor>(json!({"device_id": wrong})), "Invalid uuid for \"device_id\"");
    }
    assert_eq!(read::<UnlockDoor>(json!({"device_id": ID.to_uppercase()})).unwrap().device_id.to_string(), ID);
}

#[test]
fn all_problems_are_reported_at_once() {
    let input = json!({"device_ids": [ID, 7, "x"], "limit": 0, "created_before": "yesterday"});
    assert_eq!(
        message::<ListDevices>(input.clone()),
        "4 Input Errors: Expected string, received number for \"device_ids.1\", Invalid uuid for \"device_ids.2\", \
         Invalid datetime for \"created_before\", Number must be greater than 0 for \"limit\""
    );
    assert_eq!(
        tree::<ListDevices>(input),
        json!({
            "_errors": [],
            "device_ids": {"_errors": [], "1": {"_errors": ["Expected string, received number"]}, "2": {"_errors": ["Invalid uuid"]}},
            "created_before": {"_errors": ["Invalid datetime"]},
            "limit": {"_errors": ["Number must be greater than 0"]}
        })
    );
}

#[test]
fn null_for_an_optional_parameter_counts_as_absent() {
    let unlock: UnlockDoor = read(json!({"device_id": ID, "sync": null})).unwrap();
    assert!(!unlock.sync);
    let list: ListLocks = read(json!({"limit": null, "device_type": null, "page_cursor": null})).unwrap();
    assert_eq!((list.limit.get(), list.filters.device_type, list.page_cursor), (500, None, Nullable::Null));
}

#[test]
fn a_nullable_parameter_has_three_states() {
    let name = |input: Value| read::<UpdateDevice>(input).unwrap().name;
    assert_eq!(name(json!({"device_id": ID})), Nullable::Absent);
    assert_eq!(name(json!({"device_id": ID, "name": null})), Nullable::Null);
    assert_eq!(name(json!({"device_id": ID, "name": "Door"})), Nullable::Value("Door".to_owned()));
}

#[test]
fn the_nickname_comes_from_either_place() {
    let update = |input: Value| read::<UpdateDevice>(input).unwrap();
    assert_eq!(update(json!({"device_id": ID, "properties": {"name": null}})).nickname(), Nullable::Null);
    let both = json!({"device_id": ID, "name": "New", "properties": {"name": "Old"}});
    assert_eq!(update(both).nickname(), Nullable::Value("New"));
}

#[test]
fn whole_numbers_may_have_a_fraction_of_zero() {
    assert_eq!(read::<ListDevices>(json!({"limit": 20.0})).unwrap().limit.get(), 20);
    assert_eq!(read::<ListDevices>(json!({"limit": 1e300})).unwrap().limit.get(), u32::MAX);
    assert_eq!(message::<ListDevices>(json!({"limit": 2.5})), "Expected integer, received float for \"limit\"");
    assert_eq!(
        message::<ListEvents>(json!({"since": "2024-01-01T00:00:00Z", "unstable_offset": -1})),
        "Number must be greater than or equal to 0 for \"unstable_offset\""
    );
}

#[test]
fn words_come_from_their_list() {
    assert_eq!(
        message::<ConnectHub>(json!({"provider": "hue"})),
        "Invalid enum value. Expected 'sandbox' | 'mqtt' | 'zwave_js' | 'home_assistant' | 'matter', received 'hue' \
         for \"provider\""
    );
    let events = json!({"since": "2024-01-01T00:00:00Z", "event_types": ["lock.unlocked", "device.battery_low"]});
    assert_eq!(
        message::<ListEvents>(events),
        "Invalid enum value, received 'device.battery_low' for \"event_types.1\""
    );
}

#[test]
fn a_device_is_named_by_id_or_name() {
    assert_eq!(message::<GetDevice>(json!({})), "Either 'device_id' or 'name' is required");
    assert_eq!(
        tree::<GetDevice>(json!({"name": null})),
        json!({"_errors": ["Either 'device_id' or 'name' is required"]})
    );
    assert_eq!(message::<GetDevice>(json!({"name": ""})), "String must contain at least 1 character(s) for \"name\"");
    assert!(read::<GetDevice>(json!({"name": "Front Door", "device_id": ID})).is_ok());
}

#[test]
fn an_account_is_named_by_exactly_one_of_two() {
    assert_eq!(message::<GetConnectedAccount>(json!({})), "Either 'connected_account_id' or 'email' is required");
    assert_eq!(
        message::<GetConnectedAccount>(json!({"connected_account_id": ID, "email": "a@b"})),
        "Either 'connected_account_id' or 'email' may be given, not both"
    );
    assert_eq!(message::<GetConnectedAccount>(json!({"email": "a"})), "Invalid email for \"email\"");
}

#[test]
fn events_need_a_bound_in_time_or_ids() {
    let early = "2024-01-01T00:00:00Z";
    let late = "2024-01-01T03:00:00+02:00";
    assert_eq!(message::<ListEvents>(json!({})), "One of 'since', 'between' or 'event_ids' is required");
    assert!(read::<ListEvents>(json!({"event_ids": []})).is_ok());
    assert!(read::<ListEvents>(json!({"between": [early, late]})).is_ok());
    assert_eq!(
        message::<ListEvents>(json!({"since": early, "between": [early, late]})),
        "Either 'since' or 'between' may be given, not both"
    );
    assert_eq!(
        message::<ListEvents>(json!({"between": [late, early]})),
        "The second time must be later than the first for \"between\""
    );
    for wrong in [json!([early]), json!([early, late, late])] {
        assert_eq!(
            message::<ListEvents>(json!({"between": wrong})),
            "Array must contain exactly 2 element(s) for \"between\""
        );
    }
    assert_eq!(message::<GetEvent>(json!({})), "One of 'event_id', 'event_type' or 'device_id' is required");
}

#[test]
fn lists_have_limits() {
    let many = json!({"event_ids": [], "space_ids": vec![ID; 101]});
    assert_eq!(message::<ListEvents>(many), "Array must contain at most 100 element(s) for \"space_ids\"");
    assert_eq!(
        message::<CreateClientSession>(json!({"user_identity_ids": []})),
        "Array must contain exactly 1 element(s) for \"user_identity_ids\""
    );
    let one = read::<CreateClientSession>(json!({"user_identity_ids": [ID]})).unwrap();
    assert_eq!(one.grants.user_identity().unwrap().to_string(), ID);
}

#[test]
fn a_space_has_two_names() {
    let list: ListLocks = read(json!({"unstable_location_id": ID})).unwrap();
    assert_eq!(list.filters.space().unwrap().to_string(), ID);
}

#[test]
fn faults_are_counted_or_permanent() {
    let input = json!({"device_id": ID, "battery_level": 0.5, "relock_after_s": null,
        "faults": {"jam": true, "mute": 3, "lie": 0, "stale": false, "repeat_after_ms": 4500}});
    let set: SetSandboxLock = read(input).unwrap();
    let faults = set.faults.unwrap().0;
    assert_eq!(set.relock_after_s, Nullable::Null);
    assert_eq!(faults.jam, Some(FaultTimes::Always));
    assert_eq!(faults.mute, Some(FaultTimes::Count(3)));
    assert_eq!((faults.lie, faults.stale), (Some(FaultTimes::Never), Some(FaultTimes::Never)));
    assert_eq!(faults.offline, None);
    assert_eq!(
        message::<SetSandboxLock>(json!({"device_id": ID, "battery_level": 1.5, "faults": {"jam": -1, "mute": "x"}})),
        "3 Input Errors: Number must be less than or equal to 1 for \"battery_level\", \
         Number must be greater than or equal to 0 for \"faults.jam\", \
         Expected boolean or number, received string for \"faults.mute\""
    );
}

#[test]
fn a_keypad_needs_a_code_and_does_not_show_it() {
    assert_eq!(message::<ActOnSandboxLock>(json!({"device_id": ID, "action": "keypad"})), "code is required");
    let act: ActOnSandboxLock = read(json!({"device_id": ID, "action": "keypad", "code": "1234"})).unwrap();
    assert!(!format!("{act:?}").contains("1234"));
    assert_eq!(&**act.code.unwrap().expose(), "1234");
}

#[test]
fn the_configuration_of_a_hub_is_optional_and_hidden() {
    let bare: ConnectHub = read(json!({"provider": "sandbox"})).unwrap();
    assert_eq!(bare.provider, Provider::Sandbox);
    assert!(bare.config.expose().is_empty());
    let full: ConnectHub = read(json!({"provider": "mqtt", "config": {"password": "canary"}})).unwrap();
    assert!(!format!("{full:?}").contains("canary"));
}

#[test]
fn a_text_with_a_nul_character_is_refused_wherever_it_stands() {
    let text = "String must not contain the NUL character";
    assert_eq!(message::<UpdateDevice>(json!({"device_id": ID, "name": "a\0b"})), format!("{text} for \"name\""));
    for (input, path) in [
        (json!({"properties": {"name": "\0"}}), "properties.name"),
        (json!({"custom_metadata": {"key": "\0"}}), "custom_metadata.key"),
        (json!({"custom_metadata": {"_errors": "\0"}}), "custom_metadata"),
    ] {
        let mut input = input;
        input["device_id"] = json!(ID);
        assert_eq!(message::<UpdateDevice>(input), format!("{text} for \"{path}\""));
    }
    let config = |config: Value| message::<ConnectHub>(json!({"provider": "mqtt", "config": config}));
    assert_eq!(config(json!({"deep": ["", {"er": "\0"}]})), format!("{text} for \"config.deep.1.er\""));
    assert_eq!(config(json!({"_errors": {"er": "\0"}})), format!("{text} for \"config.er\""));
    assert_eq!(config(json!({"a\0": 1})), "Key must not contain the NUL character for \"config.a\0\"");
    assert!(read::<UpdateDevice>(json!({"device_id": ID, "newer": "\0"})).is_ok(), "what is not declared is not read");
}
