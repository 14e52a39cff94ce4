//! What spaces hold and tell, and who becomes who when identities are merged.

use thumbturn_core::events::EventKind;
use thumbturn_core::ids::{AccountId, DeviceId, SpaceId, UserIdentityId};
use thumbturn_core::spaces::{Members, Space, membership_event};
use thumbturn_core::user_identities::UserIdentity;
use uuid::Uuid;

use crate::house::WORKSPACE;

fn devices(numbers: &[u128]) -> Vec<DeviceId> {
    numbers.iter().map(|n| DeviceId(Uuid::from_u128(*n))).collect()
}

fn members(numbers: &[u128], accounts: &[u128]) -> Members {
    let accounts = accounts.iter().map(|n| AccountId(Uuid::from_u128(*n))).collect();
    Members { devices: devices(numbers), accounts }
}

#[test]
fn members_are_put_together_and_taken_apart_each_once() {
    let room = members(&[1, 2], &[7]);
    assert_eq!(room.with(&members(&[2, 3, 3], &[7, 8])), members(&[1, 2, 3], &[7, 8]));
    assert_eq!(room.without(&members(&[2, 9], &[7])), members(&[1], &[]));
    assert_eq!(members(&[1, 1], &[]).without(&Members::default()), members(&[1], &[]));
    assert!(room.without(&room).is_empty());
}

#[test]
fn an_event_tells_of_other_devices_and_not_of_another_order() {
    let space = Space {
        id: SpaceId(Uuid::from_u128(5)),
        workspace: WORKSPACE,
        name: "Room".to_owned(),
        key: Some("room".to_owned()),
        customer_key: None,
        customer_data: "{}".to_owned(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let told = |before: &[u128], after: &[u128]| membership_event(&space, &devices(before), devices(after));
    assert_eq!(told(&[], &[]), None);
    assert_eq!(told(&[1, 2], &[2, 1]), None);
    for (before, after) in [(&[1][..], &[][..]), (&[], &[1]), (&[1], &[2]), (&[1, 2], &[1])] {
        let expected = EventKind::SpaceDeviceMembershipChanged(space.facts(devices(after)));
        assert_eq!(told(before, after), Some(expected));
    }
}

fn identity(n: u128, facts: [Option<&str>; 4]) -> UserIdentity {
    let [key, email_address, phone_number, full_name] = facts.map(|text| text.map(str::to_owned));
    UserIdentity {
        id: UserIdentityId(Uuid::from_u128(n)),
        workspace: WORKSPACE,
        key,
        email_address,
        phone_number,
        full_name,
        merged: Vec::new(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn somebody_is_called_by_the_best_that_is_known() {
    let id = Uuid::from_u128(1).to_string();
    for (facts, name) in [
        ([Some("k"), Some("e"), Some("+1"), Some("Jane")], "Jane"),
        ([Some("k"), Some("e"), Some("+1"), None], "e"),
        ([Some("k"), None, Some("+1"), None], "k"),
        ([None, None, Some("+1"), None], "+1"),
        ([None; 4], id.as_str()),
    ] {
        assert_eq!(identity(1, facts).display_name(), name);
    }
}

#[test]
fn a_merged_identity_keeps_what_it_has_and_takes_what_it_lacks_from_the_first_that_has_it() {
    let into = identity(1, [None, None, Some("+1"), None]);
    let others = [
        identity(2, [Some("k2"), None, Some("+2"), None]),
        identity(3, [Some("k3"), Some("e3"), None, Some("Three")]),
        identity(4, [None, Some("e4"), None, None]),
    ];
    let expected = identity(1, [None, Some("e3"), Some("+1"), Some("Three")]);
    assert_eq!(into.completed_by(&others), expected);
}
