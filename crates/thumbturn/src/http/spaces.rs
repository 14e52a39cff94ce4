//! Spaces: made, read, filled and emptied.

use std::collections::HashSet;

use thumbturn_api::spaces::{
    AddAcsEntrancesToSpace, AddConnectedAccountToSpace, AddDevicesToSpace, CreateSpace, CustomerData, DeleteSpace,
    GetRelatedOfSpaces, GetSpace, ListSpaces, Related, RelatedKind, RemoveAcsEntrancesFromSpace,
    RemoveConnectedAccountFromSpace, RemoveDevicesFromSpace, Space, UpdateSpace,
};
use thumbturn_api::{ErrorType, Limit, Page, Text};
use thumbturn_core::change::{AsOf, Change, Whole};
use thumbturn_core::events::{Event, EventKind};
use thumbturn_core::ids::{AccountId, DeviceId, EventId, SpaceId};
use thumbturn_core::ports::CommitError;
use thumbturn_core::scope::Scope;
use thumbturn_core::spaces::{self as domain, Members, SpaceEdit, membership_event};
use thumbturn_store::{AccountFilter, DeviceFilter, PageRequest, SpaceFilter};

use super::call::Call;
use super::errors::{Failure, Outcome, device_not_found};
use super::{connected_accounts, cursors, devices, to_wire};
use crate::app::App;

/// `/spaces/create`
pub(crate) async fn create(app: App, call: Call, params: CreateSpace) -> Outcome<Space> {
    if params.acs_entrance_ids.is_some_and(|ids| !ids.is_empty()) {
        return Err(no_entrances());
    }
    let scope = call.caller.scope()?;
    let (_alone, read) = alone(&app, &scope).await?;
    let asked = Members {
        devices: params.device_ids.iter().flatten().map(|id| DeviceId(id.0)).collect(),
        accounts: params.connected_account_ids.iter().flatten().map(|id| AccountId(id.0)).collect(),
    };
    let members = Members::default().with(&asked);
    let devices = devices_of(&app, &scope, &members).await?;
    let now = app.now();
    let space = domain::Space {
        id: SpaceId::new_at(now),
        workspace: scope.workspace(),
        name: params.name.into_string(),
        key: params.space_key.map(Text::into_string),
        customer_key: params.customer_key.map(Text::into_string),
        customer_data: merged("{}", params.customer_data.unwrap_or_default())?,
        created_at: now,
    };
    let events = vec![event(&app, &space, EventKind::SpaceCreated(space.facts(devices.clone())))];
    let change = Change::SpaceCreated { space: Box::new(space.clone()), members, events };
    match app.store().commit(change.over(read)).await {
        Err(CommitError::Conflict("space_key")) => {
            return Err(Failure::new(
                ErrorType::SpaceKeyAlreadyExists,
                "The workspace already has a space with this space_key",
            )
            .with_data("space_key", space.key.unwrap_or_default()));
        }
        other => other?,
    }
    Ok(to_wire::space(&space, devices.len() as u64))
}

/// `/spaces/get`
pub(crate) async fn get(app: App, call: Call, params: GetSpace) -> Outcome<Space> {
    let scope = call.caller.scope()?;
    let space = found(&app, &scope, params.space_id, params.space_key.as_deref()).await?;
    shown(&app, &scope, space).await
}

/// `/spaces/list`
pub(crate) async fn list(app: App, call: Call, params: ListSpaces) -> Outcome<Page<Space>> {
    let after = cursors::read::<ListSpaces>(&call.input, &params.page_cursor)?;
    if params.parent_space_id.is_some() || params.parent_space_key.is_some() {
        return Ok(Page::last(Vec::new())); // no space here is within another one
    }
    let scope = call.caller.scope()?;
    let filter = SpaceFilter {
        ids: None,
        keys: params.space_key.map(|key| vec![key.into_string()]),
        customer_key: params.customer_key.map(Text::into_string),
        account: params.connected_account_id.map(|id| id.0.into()),
        search: params.search.map(Text::into_string),
    };
    let page = PageRequest { limit: app.page_limit(params.limit), after };
    let found = app.store().spaces(&scope, &filter, page).await?;
    Ok(Page {
        items: all_shown(&app, &scope, &found.items).await?,
        pagination: cursors::pagination::<ListSpaces>(app.public_url(), &call.input, found.next.as_ref()),
    })
}

/// `/spaces/update`
pub(crate) async fn update(app: App, call: Call, params: UpdateSpace) -> Outcome<Space> {
    if params.acs_entrance_ids.is_some_and(|ids| !ids.is_empty()) {
        return Err(no_entrances());
    }
    let scope = call.caller.scope()?;
    let (_alone, read) = alone(&app, &scope).await?;
    let space = found(&app, &scope, params.space_id, params.space_key.as_deref()).await?;
    let edit = SpaceEdit {
        name: params.name.map(Text::into_string),
        customer_data: params.customer_data.map(|data| merged(&space.customer_data, data)).transpose()?,
    };
    let devices = params.device_ids.map(|ids| ids.into_iter().map(|id| DeviceId(id.0)).collect());
    change(&app, &scope, (&space, read), edit, |before| Members {
        devices: devices.unwrap_or(before.devices),
        accounts: before.accounts,
    })
    .await?;
    let space = found(&app, &scope, Some(space.id.0.into()), None).await?;
    shown(&app, &scope, space).await
}

/// `/spaces/delete`
pub(crate) async fn delete(app: App, call: Call, params: DeleteSpace) -> Outcome<()> {
    let scope = call.caller.scope()?;
    let (_alone, read) = alone(&app, &scope).await?;
    let space = found(&app, &scope, Some(params.space_id), None).await?;
    let members = app.store().space_members(&scope, space.id).await?;
    let devices = app.store().devices_of_members(&scope, &members).await?;
    let events = vec![event(&app, &space, EventKind::SpaceDeleted(space.facts(devices)))];
    match app.store().commit(Change::SpaceDeleted { space: space.id, events }.over(read)).await {
        Err(CommitError::Conflict("space")) => Err(not_found("space_id", space.id)),
        other => Ok(other?),
    }
}

/// `/spaces/add_devices`
pub(crate) async fn add_devices(app: App, call: Call, params: AddDevicesToSpace) -> Outcome<()> {
    let devices = params.device_ids.iter().map(|id| DeviceId(id.0)).collect();
    put(&app, &call, params.space_id, Members { devices, accounts: Vec::new() }).await
}

/// `/spaces/remove_devices`
pub(crate) async fn remove_devices(app: App, call: Call, params: RemoveDevicesFromSpace) -> Outcome<()> {
    let devices = params.device_ids.iter().map(|id| DeviceId(id.0)).collect();
    take(&app, &call, params.space_id, Members { devices, accounts: Vec::new() }).await
}

/// `/spaces/add_connected_account`
pub(crate) async fn add_connected_account(app: App, call: Call, params: AddConnectedAccountToSpace) -> Outcome<()> {
    let accounts = vec![params.connected_account_id.0.into()];
    put(&app, &call, params.space_id, Members { devices: Vec::new(), accounts }).await
}

/// `/spaces/remove_connected_account`
pub(crate) async fn remove_connected_account(
    app: App,
    call: Call,
    params: RemoveConnectedAccountFromSpace,
) -> Outcome<()> {
    let accounts = vec![params.connected_account_id.0.into()];
    take(&app, &call, params.space_id, Members { devices: Vec::new(), accounts }).await
}

/// `/spaces/add_acs_entrances`
pub(crate) async fn add_acs_entrances(app: App, call: Call, params: AddAcsEntrancesToSpace) -> Outcome<()> {
    found(&app, &call.caller.scope()?, Some(params.space_id), None).await?;
    Err(no_entrances())
}

/// `/spaces/remove_acs_entrances`
pub(crate) async fn remove_acs_entrances(app: App, call: Call, params: RemoveAcsEntrancesFromSpace) -> Outcome<()> {
    found(&app, &call.caller.scope()?, Some(params.space_id), None).await?;
    Err(no_entrances())
}

/// `/spaces/get_related`
pub(crate) async fn get_related(app: App, call: Call, params: GetRelatedOfSpaces) -> Outcome<Related> {
    let scope = call.caller.scope()?;
    let spaces = all_found(&app, &scope, &params).await?;
    let is_wanted = |kind: RelatedKind| {
        params.include.as_ref().is_none_or(|kinds| kinds.contains(&kind))
            && !params.exclude.iter().flatten().any(|excluded| *excluded == kind)
    };
    let ids: Vec<SpaceId> = spaces.iter().map(|space| space.id).collect();
    let everything = PageRequest::first(app.page_limit(Limit::of(u32::MAX)));
    let none = |kind| is_wanted(kind).then(Vec::new);
    let mut related = Related {
        acs_entrances: none(RelatedKind::AcsEntrances),
        acs_systems: none(RelatedKind::AcsSystems),
        access_methods: none(RelatedKind::AccessMethods),
        ..Related::default()
    };
    if is_wanted(RelatedKind::Spaces) {
        related.spaces = Some(all_shown(&app, &scope, &spaces).await?);
    }
    if is_wanted(RelatedKind::Devices) {
        let filter = DeviceFilter { spaces: Some(ids.clone()), ..DeviceFilter::managed() };
        let found = app.store().devices(&scope, &filter, everything).await?;
        related.devices = Some(devices::shown(&app, &scope, &found.items).await?);
    }
    if is_wanted(RelatedKind::ConnectedAccounts) {
        let filter = AccountFilter { spaces: Some(ids), ..AccountFilter::default() };
        let found = app.store().accounts(&scope, &filter, everything).await?;
        related.connected_accounts = Some(found.items.iter().map(to_wire::connected_account).collect());
    }
    Ok(related)
}

/// The spaces that are named by id or by key, each once, oldest first.
async fn all_found(app: &App, scope: &Scope, params: &GetRelatedOfSpaces) -> Outcome<Vec<domain::Space>> {
    let ids: Vec<SpaceId> = params.space_ids.iter().flat_map(|ids| ids.iter()).map(|id| SpaceId(id.0)).collect();
    let keys: Vec<String> = params.space_keys.iter().flat_map(|keys| keys.iter()).map(|key| key.to_string()).collect();
    let filters = [
        SpaceFilter { ids: Some(ids.clone()), ..SpaceFilter::default() },
        SpaceFilter { keys: Some(keys.clone()), ..SpaceFilter::default() },
    ];
    let mut spaces: Vec<domain::Space> = Vec::new();
    for filter in filters {
        let page = PageRequest::first(ids.len().max(keys.len()));
        spaces.extend(app.store().spaces(scope, &filter, page).await?.items);
    }
    let (known, named): (HashSet<SpaceId>, HashSet<&String>) =
        (spaces.iter().map(|space| space.id).collect(), spaces.iter().filter_map(|space| space.key.as_ref()).collect());
    if let Some(unknown) = ids.iter().find(|id| !known.contains(id)) {
        return Err(not_found("space_id", unknown));
    }
    if let Some(unknown) = keys.iter().find(|key| !named.contains(key)) {
        return Err(not_found("space_key", unknown));
    }
    spaces.sort_by_key(|space| (space.created_at, space.id));
    spaces.dedup_by_key(|space| space.id);
    Ok(spaces)
}

/// Puts into a space what is not in it yet.
async fn put(app: &App, call: &Call, space: thumbturn_api::SpaceId, more: Members) -> Outcome<()> {
    let scope = call.caller.scope()?;
    let (_alone, read) = alone(app, &scope).await?;
    let space = found(app, &scope, Some(space), None).await?;
    change(app, &scope, (&space, read), SpaceEdit::default(), |before| before.with(&more)).await
}

/// Takes out of a space what is in it.
async fn take(app: &App, call: &Call, space: thumbturn_api::SpaceId, less: Members) -> Outcome<()> {
    let scope = call.caller.scope()?;
    let (_alone, read) = alone(app, &scope).await?;
    let space = found(app, &scope, Some(space), None).await?;
    devices_of(app, &scope, &less).await?;
    change(app, &scope, (&space, read), SpaceEdit::default(), |before| before.without(&less)).await
}

/// Changes a space, and what is in it to what `members` makes of it. The caller is [`alone`].
async fn change(
    app: &App,
    scope: &Scope,
    (space, read): (&domain::Space, Option<AsOf>),
    edit: SpaceEdit,
    members: impl FnOnce(Members) -> Members,
) -> Outcome<()> {
    let before = app.store().space_members(scope, space.id).await?;
    let after = members(before.clone());
    let (joined, left) = (after.without(&before), before.without(&after));
    if edit == SpaceEdit::default() && joined.is_empty() && left.is_empty() {
        return Ok(());
    }
    let devices_before = app.store().devices_of_members(scope, &before).await?;
    let devices_after = devices_of(app, scope, &after).await?;
    let told = membership_event(space, &devices_before, devices_after);
    let events = told.map(|kind| event(app, space, kind)).into_iter().collect();
    match app.store().commit(Change::SpaceChanged { space: space.id, edit, joined, left, events }.over(read)).await {
        Err(CommitError::Conflict("space")) => Err(not_found("space_id", space.id)),
        other => Ok(other?),
    }
}

/// Nobody on this node changes spaces until the first is dropped, and no change over the second is kept if another node did.
async fn alone<'a>(app: &'a App, scope: &Scope) -> Outcome<(impl Sized + 'a, Option<AsOf>)> {
    let alone = app.engine().changing_spaces().await;
    let read = app.store().as_of(Whole::Spaces(scope.workspace())).await?;
    Ok((alone, read))
}

/// The devices that these members bring into a space.
///
/// # Errors
/// 404 if one of the members is not in scope.
async fn devices_of(app: &App, scope: &Scope, members: &Members) -> Outcome<Vec<DeviceId>> {
    connected_accounts::known(app, scope, members.accounts.iter().copied()).await?;
    let devices = app.store().devices_of_members(scope, members).await?;
    let known: HashSet<DeviceId> = devices.iter().copied().collect();
    match members.devices.iter().find(|id| !known.contains(id)) {
        Some(unknown) => Err(device_not_found(*unknown)),
        None => Ok(devices),
    }
}

/// The space with this id, this key, or both.
async fn found(
    app: &App,
    scope: &Scope,
    id: Option<thumbturn_api::SpaceId>,
    key: Option<&str>,
) -> Outcome<domain::Space> {
    let filter = SpaceFilter {
        ids: id.map(|id| vec![id.0.into()]),
        keys: key.map(|key| vec![key.to_owned()]),
        ..SpaceFilter::default()
    };
    let found = app.store().spaces(scope, &filter, PageRequest::first(1)).await?.items.into_iter().next();
    found.ok_or_else(|| match id {
        Some(id) => not_found("space_id", id),
        None => not_found("space_key", key.unwrap_or_default()),
    })
}

async fn shown(app: &App, scope: &Scope, space: domain::Space) -> Outcome<Space> {
    let sizes = app.store().space_sizes(scope, &[space.id]).await?;
    Ok(to_wire::space(&space, sizes.get(&space.id).copied().unwrap_or_default()))
}

async fn all_shown(app: &App, scope: &Scope, spaces: &[domain::Space]) -> Outcome<Vec<Space>> {
    let ids: Vec<SpaceId> = spaces.iter().map(|space| space.id).collect();
    let sizes = app.store().space_sizes(scope, &ids).await?;
    let size = |space: &domain::Space| sizes.get(&space.id).copied().unwrap_or_default();
    Ok(spaces.iter().map(|space| to_wire::space(space, size(space))).collect())
}

fn event(app: &App, space: &domain::Space, kind: EventKind) -> Event {
    let now = app.now();
    Event { id: EventId::new_at(now), workspace: space.workspace, account: None, device: None, occurred_at: now, kind }
}

/// The customer data with the changes in them, as JSON text.
fn merged(stored: &str, changes: CustomerData) -> Outcome<String> {
    let mut pairs = to_wire::customer_data(stored);
    for (key, value) in changes.0 {
        match value {
            Some(value) => drop(pairs.insert(key, value)),
            None => drop(pairs.remove(&key)),
        }
    }
    if pairs.len() > CustomerData::MAX_KEYS {
        let most = CustomerData::MAX_KEYS;
        let problem = format!("Object must contain at most {most} key(s), counted with those already set");
        return Err(Failure::invalid_parameter("customer_data", problem));
    }
    serde_json::to_string(&pairs).map_err(|_| Failure::new(ErrorType::InternalServerError, "Cannot write the data"))
}

fn not_found(name: &str, value: impl ToString) -> Failure {
    Failure::new(ErrorType::SpaceNotFound, "Space not found").with_data(name, value)
}

fn no_entrances() -> Failure {
    Failure::new(ErrorType::NotSupported, "This server has no access systems, so a space can have no entrances")
}
