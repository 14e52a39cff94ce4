//! Who may begin an action on which device. A session opens what it was granted and nothing else.

use thumbturn_core::credentials::{ClientSession, Granted};
use thumbturn_core::hub::BeginError;
use thumbturn_core::ids::{AccountId, ClientSessionId, DeviceId, UserIdentityId, WorkspaceId};
use thumbturn_core::locks::{Action, Refusal, Route, may_begin};
use thumbturn_core::scope::{Scope, Visibility};
use uuid::Uuid;

use crate::house::{CONFIRMED, House, TALKATIVE, WORKSPACE, account, command};

const SESSION: ClientSessionId = ClientSessionId(Uuid::from_u128(0x51));
const IDENTITY: UserIdentityId = UserIdentityId(Uuid::from_u128(0x52));
const ELSEWHERE: WorkspaceId = WorkspaceId(Uuid::from_u128(2));

fn device(n: u128) -> DeviceId {
    DeviceId(Uuid::from_u128(0xd0 + n))
}

fn route(workspace: WorkspaceId, account: AccountId, device: DeviceId) -> Route {
    Route {
        device,
        workspace,
        account,
        is_managed: true,
        is_removed: false,
        can_lock: true,
        can_unlock: true,
        can_configure_auto_lock: true,
        has_keypad: true,
        is_limited_like_real: false,
    }
}

fn session(accounts: &[AccountId], granted: &[DeviceId]) -> Scope {
    Scope::of_session(WORKSPACE, SESSION, accounts.to_vec()).with_identity(IDENTITY, granted.to_vec())
}

#[test]
fn a_session_sees_the_devices_of_its_accounts_and_those_granted_to_its_identity() {
    use Visibility::{Invisible, Refused, Visible};
    let (first, second) = (account(0).id, account(1).id);
    for (scope, workspace, of, n, expected) in [
        (session(&[first], &[]), WORKSPACE, first, 1, Visible),
        (session(&[first], &[]), WORKSPACE, second, 1, Refused),
        (session(&[], &[device(1)]), WORKSPACE, first, 1, Visible),
        (session(&[], &[device(1)]), WORKSPACE, first, 2, Refused),
        (session(&[first], &[device(2)]), WORKSPACE, second, 2, Visible),
        (session(&[first], &[device(2)]), WORKSPACE, second, 3, Refused),
        (session(&[], &[]), WORKSPACE, first, 1, Refused),
        // Of another workspace nothing is seen, whatever was granted.
        (session(&[first], &[device(1)]), ELSEWHERE, first, 1, Invisible),
        (Scope::workspace_wide(WORKSPACE), ELSEWHERE, first, 1, Invisible),
        (Scope::workspace_wide(WORKSPACE), WORKSPACE, second, 3, Visible),
    ] {
        assert_eq!(scope.judge(workspace, of, device(n)), expected, "{scope:?} {n}");
        let refusal = match expected {
            Visible => None,
            Refused => Some(Refusal::NotGranted),
            Invisible => Some(Refusal::NotFound),
        };
        for action in [Action::LockDoor, Action::UnlockDoor] {
            let begun = may_begin(&scope, Some(&route(workspace, of, device(n))), &command(action));
            assert_eq!(begun.err(), refusal, "{scope:?} {n}");
        }
    }
}

#[test]
fn a_granted_device_does_not_open_its_account() {
    let scope = session(&[], &[device(1)]);
    assert!(!scope.sees_account(account(0).id));
    assert!(session(&[account(0).id], &[]).sees_account(account(0).id));
}

#[test]
fn an_identity_adds_nothing_to_a_whole_workspace() {
    let whole = Scope::workspace_wide(WORKSPACE);
    assert_eq!(whole.clone().with_identity(IDENTITY, vec![device(1)]), whole);
}

#[test]
fn the_scope_of_a_session_has_its_grants_only_with_its_identity() {
    let granted = vec![Granted { device: device(1), account: account(1).id }];
    let of = |identity| ClientSession {
        id: SESSION,
        workspace: WORKSPACE,
        short: String::new(),
        long_hash: String::new(),
        token: String::new(),
        user_identifier_key: None,
        accounts: vec![account(0).id],
        identity,
        granted: granted.clone(),
        customer_key: None,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        expires_at: jiff::Timestamp::MAX,
        revoked_at: None,
    };
    assert_eq!(of(Some(IDENTITY)).scope(), session(&[account(0).id], &[device(1)]));
    assert_eq!(of(None).scope(), Scope::of_session(WORKSPACE, SESSION, vec![account(0).id]));
}

#[tokio::test(start_paused = true)]
async fn the_engine_opens_what_was_granted_and_moves_nothing_else() {
    let house = House::with(2, TALKATIVE).await;
    let guest = session(&[], &[house.device(0).id]);
    let begin = async |n| house.engine.begin(&guest, Some(&house.route(n)), command(Action::UnlockDoor), None).await;
    let refused = begin(1).await;
    assert!(matches!(refused, Err(BeginError::Refused(Refusal::NotGranted))), "{refused:?}");
    let ticket = begin(0).await.unwrap();
    assert_eq!(house.end(ticket).await, CONFIRMED);
    assert!(house.moves(1).is_empty());
    let former = session(&[], &[]);
    let refused = house.engine.begin(&former, Some(&house.route(0)), command(Action::LockDoor), None).await;
    assert!(matches!(refused, Err(BeginError::Refused(Refusal::NotGranted))), "{refused:?}");
}
