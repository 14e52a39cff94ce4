//! User identities: who they are, and the devices that are granted to them.

use thumbturn_api::devices::Device;
use thumbturn_api::user_identities::{
    CreateUserIdentity, DeleteUserIdentity, GetUnmanagedUserIdentity, GetUserIdentity, GrantAccessToDevice,
    IdentityFacts, ListAccessibleDevices, ListUnmanagedUserIdentities, ListUserIdentities, MergeUserIdentities,
    RevokeAccessToDevice, UnmanagedUserIdentity, UpdateUnmanagedUserIdentity, UpdateUserIdentity, UserIdentity,
};
use thumbturn_api::{ErrorType, Limit, Nullable, Page, Text};
use thumbturn_core::change::{Change, Whole};
use thumbturn_core::ids::{DeviceId, UserIdentityId};
use thumbturn_core::ports::CommitError;
use thumbturn_core::scope::Scope;
use thumbturn_core::user_identities as domain;
use thumbturn_store::{DeviceFilter, IdentityFilter, PageRequest, SessionFilter};

use super::call::Call;
use super::client_sessions::ended;
use super::errors::{Failure, Outcome};
use super::{cursors, devices, to_wire};
use crate::app::App;

/// How often a deletion is tried again when somebody made a session for the identity meanwhile.
const TRIES: usize = 5;

/// `/user_identities/create`
pub(crate) async fn create(app: App, call: Call, params: CreateUserIdentity) -> Outcome<UserIdentity> {
    let now = app.now();
    let blank = domain::UserIdentity {
        id: UserIdentityId::new_at(now),
        workspace: call.caller.scope()?.workspace(),
        key: None,
        email_address: None,
        phone_number: None,
        full_name: None,
        merged: Vec::new(),
        created_at: now,
    };
    let identity = with_facts(blank, params.facts);
    app.store().commit(Change::IdentityCreated(Box::new(identity.clone()))).await.map_err(not_stored)?;
    Ok(to_wire::user_identity(&identity))
}

/// `/user_identities/get`
pub(crate) async fn get(app: App, call: Call, params: GetUserIdentity) -> Outcome<UserIdentity> {
    let scope = call.caller.scope()?;
    let identity = match (params.user_identity_id, params.user_identity_key) {
        (Some(id), _) => found(&app, &scope, id).await?,
        (None, key) => found_by_key(&app, &scope, key.as_deref().unwrap_or_default()).await?,
    };
    Ok(to_wire::user_identity(&identity))
}

/// `/user_identities/list`
pub(crate) async fn list(app: App, call: Call, params: ListUserIdentities) -> Outcome<Page<UserIdentity>> {
    let after = cursors::read::<ListUserIdentities>(&call.input, &params.page_cursor)?;
    let filter = IdentityFilter {
        ids: params.user_identity_ids.map(|ids| ids.into_iter().map(|id| id.0.into()).collect()),
        key: None,
        created_before: params.created_before.map(|at| at.0),
        search: params.search.map(Text::into_string),
    };
    let page = PageRequest { limit: app.page_limit(params.limit), after };
    let found = app.store().user_identities(&call.caller.scope()?, &filter, page).await?;
    Ok(Page {
        items: found.items.iter().map(to_wire::user_identity).collect(),
        pagination: cursors::pagination::<ListUserIdentities>(app.public_url(), &call.input, found.next.as_ref()),
    })
}

/// `/user_identities/update`
pub(crate) async fn update(app: App, call: Call, params: UpdateUserIdentity) -> Outcome<()> {
    let scope = call.caller.scope()?;
    let _alone = app.changing_identities().await;
    let read = app.store().as_of(Whole::Identities(scope.workspace())).await?;
    let before = found(&app, &scope, params.user_identity_id).await?;
    let after = with_facts(before.clone(), params.facts);
    if after == before {
        return Ok(());
    }
    let id = after.id;
    match app.store().commit(Change::IdentityChanged(Box::new(after)).over(read)).await {
        Err(CommitError::Conflict("user_identity")) => Err(gone(Some(id))),
        other => other.map_err(not_stored),
    }
}

/// `/user_identities/delete`. Its client sessions end with it.
pub(crate) async fn delete(app: App, call: Call, params: DeleteUserIdentity) -> Outcome<()> {
    let scope = call.caller.scope()?;
    let identity = found(&app, &scope, params.user_identity_id).await?.id;
    // A session that is being changed at this moment would be given to an identity that is gone.
    let _alone = app.changing_sessions().await;
    let filter = SessionFilter { identity: Some(identity), ..SessionFilter::default() };
    for _ in 0..TRIES {
        let read = app.store().as_of(Whole::Sessions(scope.workspace())).await?;
        let sessions = app.store().sessions(&scope, &filter, usize::MAX).await?;
        // Those that were revoked have told of their end.
        let live = sessions.iter().filter(|session| session.revoked_at.is_none());
        let events = live.map(|session| ended(&app, session)).collect();
        let sessions = sessions.iter().map(|session| session.id).collect();
        match app.store().commit(Change::IdentityDeleted { identity, sessions, events }.over(read)).await {
            Err(CommitError::Conflict("user_identity")) => return Err(gone(Some(identity))),
            Err(CommitError::Conflict(_)) => {}
            other => return Ok(other?),
        }
    }
    Err(Failure::unavailable("Others are making sessions for this user identity. Try again."))
}

/// `/user_identities/grant_access_to_device`. What was granted before stays granted.
pub(crate) async fn grant_access_to_device(app: App, call: Call, params: GrantAccessToDevice) -> Outcome<()> {
    let scope = call.caller.scope()?;
    let identity = found(&app, &scope, params.user_identity_id).await?.id;
    let device = devices::any(&app, &scope, params.device_id.0.into()).await?;
    if !device.is_managed {
        let hint = "Device is unmanaged. Convert it with /devices/unmanaged/update before you grant access to it.";
        return Err(Failure::new(ErrorType::DeviceUnmanaged, hint).with_data("device_id", device.id));
    }
    if granted(&app, &scope, identity, Some(device.id)).await?.is_empty() {
        let change = Change::DeviceGranted { identity, device: device.id, at: app.now() };
        match app.store().commit(change).await {
            // Somebody else granted it at the same time, unless one of the two is gone: then the next call says so.
            Err(CommitError::Conflict("grant"))
                if !granted(&app, &scope, identity, Some(device.id)).await?.is_empty() => {}
            other => other?,
        }
    }
    Ok(())
}

/// `/user_identities/revoke_access_to_device`
pub(crate) async fn revoke_access_to_device(app: App, call: Call, params: RevokeAccessToDevice) -> Outcome<()> {
    let scope = call.caller.scope()?;
    let identity = found(&app, &scope, params.user_identity_id).await?.id;
    let device = devices::any(&app, &scope, params.device_id.0.into()).await?.id;
    Ok(app.store().commit(Change::DeviceRevoked { identity, device }).await?)
}

/// `/user_identities/list_accessible_devices`
pub(crate) async fn list_accessible_devices(
    app: App,
    call: Call,
    params: ListAccessibleDevices,
) -> Outcome<Vec<Device>> {
    let scope = call.caller.scope()?;
    let identity = found(&app, &scope, params.user_identity_id).await?.id;
    devices::shown(&app, &scope, &granted(&app, &scope, identity, None).await?).await
}

/// The managed devices that are granted to an identity; all of them, or this one if it is among them.
async fn granted(
    app: &App,
    scope: &Scope,
    identity: UserIdentityId,
    only: Option<DeviceId>,
) -> Outcome<Vec<thumbturn_core::devices::Device>> {
    let ids = only.map(|device| vec![device]);
    let filter = DeviceFilter { ids, granted_to: Some(identity), ..DeviceFilter::managed() };
    let everything = PageRequest::first(app.page_limit(Limit::of(u32::MAX)));
    Ok(app.store().devices(scope, &filter, everything).await?.items)
}

/// `/user_identities/merge`. What is part of the identity already stays so.
pub(crate) async fn merge(app: App, call: Call, params: MergeUserIdentities) -> Outcome<()> {
    let scope = call.caller.scope()?;
    let _alone = app.changing_identities().await;
    // A session that is being changed at this moment would be given to an identity that is no longer.
    let _still = app.changing_sessions().await;
    let identities = app.store().as_of(Whole::Identities(scope.workspace())).await?;
    let sessions = app.store().as_of(Whole::Sessions(scope.workspace())).await?;
    let into = match (params.user_identity_id, &params.user_identity_key) {
        (Some(id), _) => found(&app, &scope, id).await?,
        (None, key) => found_by_key(&app, &scope, key.as_deref().unwrap_or_default()).await?,
    };
    let mut others: Vec<domain::UserIdentity> = Vec::new();
    for id in params.merged_user_identity_ids.iter().flat_map(|ids| ids.iter()) {
        others.push(found(&app, &scope, *id).await?);
    }
    for key in params.merged_user_identity_keys.iter().flat_map(|keys| keys.iter()) {
        others.push(found_by_key(&app, &scope, key).await?);
    }
    let mut known = std::collections::HashSet::from([into.id]);
    others.retain(|other| known.insert(other.id));
    if others.is_empty() {
        return Ok(());
    }
    let id = into.id;
    let merged = others.iter().map(|other| other.id).collect();
    let change = Change::IdentitiesMerged { into: Box::new(into.completed_by(&others)), merged };
    match app.store().commit(change.over(identities.into_iter().chain(sessions))).await {
        Err(CommitError::Conflict("user_identity")) => Err(gone(Some(id))),
        other => other.map_err(not_stored),
    }
}

/// `/user_identities/unmanaged/get`. No access system tells of any.
pub(crate) async fn get_unmanaged(
    _app: App,
    _call: Call,
    params: GetUnmanagedUserIdentity,
) -> Outcome<UnmanagedUserIdentity> {
    Err(gone(Some(params.user_identity_id.0.into())))
}

/// `/user_identities/unmanaged/list`
pub(crate) async fn list_unmanaged(
    _app: App,
    call: Call,
    params: ListUnmanagedUserIdentities,
) -> Outcome<Page<UnmanagedUserIdentity>> {
    cursors::read::<ListUnmanagedUserIdentities>(&call.input, &params.page_cursor)?;
    Ok(Page::last(Vec::new()))
}

/// `/user_identities/unmanaged/update`
pub(crate) async fn update_unmanaged(_app: App, _call: Call, params: UpdateUnmanagedUserIdentity) -> Outcome<()> {
    Err(gone(Some(params.user_identity_id.0.into())))
}

/// The identity that is found under this id.
///
/// # Errors
/// 404 if there is none in scope.
pub(crate) async fn found(
    app: &App,
    scope: &Scope,
    id: thumbturn_api::UserIdentityId,
) -> Outcome<domain::UserIdentity> {
    let id = UserIdentityId(id.0);
    app.store().user_identity(scope, id).await?.ok_or_else(|| gone(Some(id)))
}

async fn found_by_key(app: &App, scope: &Scope, key: &str) -> Outcome<domain::UserIdentity> {
    let found = app.store().user_identity_by_key(scope, key).await?;
    found.ok_or_else(|| gone(None).with_data("user_identity_key", key))
}

/// There is no such identity, or no longer.
pub(crate) fn gone(id: Option<UserIdentityId>) -> Failure {
    let failure = Failure::new(ErrorType::UserIdentityNotFound, "User identity not found");
    match id {
        Some(id) => failure.with_data("user_identity_id", id),
        None => failure,
    }
}

/// Why an identity could not be stored: somebody else is called the same, or the database failed.
fn not_stored(error: CommitError) -> Failure {
    match error {
        CommitError::Conflict(field @ ("user_identity_key" | "email_address" | "phone_number")) => {
            let message = format!("The workspace already has a user identity with this {field}");
            Failure::new(ErrorType::UserIdentityAlreadyExists, message).with_data("field", field)
        }
        other => other.into(),
    }
}

/// The identity with what is said of it. What is not mentioned stays.
fn with_facts(mut identity: domain::UserIdentity, facts: IdentityFacts) -> domain::UserIdentity {
    set(&mut identity.key, facts.user_identity_key, Text::into_string);
    set(&mut identity.email_address, facts.email_address, |email| email.as_str().to_owned());
    set(&mut identity.phone_number, facts.phone_number, |number| number.as_str().to_owned());
    set(&mut identity.full_name, facts.full_name, Text::into_string);
    identity
}

fn set<T>(field: &mut Option<String>, said: Nullable<T>, text: impl FnOnce(T) -> String) {
    if let Some(change) = said.into_change() {
        *field = change.map(text);
    }
}
