//! Devices: reads and the changes that the API may make.

use std::collections::HashSet;

use jiff::tz::TimeZone;
use thumbturn_api::device_filters::{CapabilityFlag, DeviceFilters, LOCK_DEVICE_TYPES};
use thumbturn_api::devices::{
    CapabilityFlags, DeleteDevice, Device, GetDevice, ListDevices, ReportProviderMetadata, UpdateDevice,
};
use thumbturn_api::{
    ApiError, CustomMetadata, ErrorType, Limit, MetadataChanges, MetadataFilter, MetadataValue, NonEmptyString, Page,
    Problems, Text,
};
use thumbturn_core::change::Change;
use thumbturn_core::devices as domain;
use thumbturn_core::ids::DeviceId;
use thumbturn_core::ports::CommitError;
use thumbturn_core::scope::Scope;
use thumbturn_store::{Cursor, DeviceFilter, DeviceLookup, MetadataValue as Wanted, PageRequest};

use super::call::Call;
use super::errors::{Failure, Outcome, device_not_found, not_granted};
use super::{cursors, to_wire};
use crate::app::App;

/// Most pairs that a device's metadata may have.
const METADATA_PAIRS: usize = 50;

/// Longest name that a device may be given, in characters.
const NAME_CHARS: usize = 255;

/// How often a change is tried again when somebody else changed the same device meanwhile.
const EDIT_TRIES: usize = 5;

/// `/devices/get`
pub(crate) async fn get(app: App, call: Call, params: GetDevice) -> Outcome<Device> {
    find(&app, &call, params.device_id, params.name.as_deref()).await
}

/// A managed device by id, by name, or by both.
pub(crate) async fn find(
    app: &App,
    call: &Call,
    id: Option<thumbturn_api::DeviceId>,
    name: Option<&str>,
) -> Outcome<Device> {
    let device = find_as(app, call, id.map(|id| id.0.into()), name, true).await?;
    let spaces = app.store().spaces_of(&call.caller.scope()?, &[device.id]).await?;
    Ok(to_wire::device(&device, spaces.get(&device.id), app.public_url()))
}

/// Managed devices with the spaces that they are in.
pub(crate) async fn shown(app: &App, scope: &Scope, devices: &[domain::Device]) -> Outcome<Vec<Device>> {
    let ids: Vec<DeviceId> = devices.iter().map(|device| device.id).collect();
    let spaces = app.store().spaces_of(scope, &ids).await?;
    let show = |device: &domain::Device| to_wire::device(device, spaces.get(&device.id), app.public_url());
    Ok(devices.iter().map(show).collect())
}

/// A managed or an unmanaged device by id, by name, or by both.
pub(crate) async fn find_as(
    app: &App,
    call: &Call,
    id: Option<DeviceId>,
    name: Option<&str>,
    managed: bool,
) -> Outcome<domain::Device> {
    let scope = call.caller.scope()?;
    let Some(id) = id else {
        return match name {
            Some(name) => by_name(app, &scope, name, managed).await,
            None => Err(Failure::new(ErrorType::DeviceNotFound, "Device not found")),
        };
    };
    let device = any(app, &scope, id).await?;
    if device.is_managed && !managed {
        let hint = "This device is managed. Convert it to a unmanaged device with /devices/update.";
        return Err(Failure::new(ErrorType::DeviceNotFound, hint).with_data("device_id", id));
    }
    let fits = device.is_managed == managed && name.is_none_or(|name| shown_name(&device) == name);
    fits.then_some(device).ok_or_else(|| device_not_found(id))
}

fn shown_name(device: &domain::Device) -> &str {
    device.nickname.as_deref().unwrap_or(&device.about.name)
}

async fn by_name(app: &App, scope: &Scope, name: &str, managed: bool) -> Outcome<domain::Device> {
    match app.store().device_by_name(scope, name, managed).await? {
        DeviceLookup::Found(device) => Ok(*device),
        DeviceLookup::Refused => Err(not_granted()),
        DeviceLookup::NotFound => Err(Failure::new(ErrorType::DeviceNotFound, "Device not found")),
    }
}

/// Any device in scope, managed or not.
pub(crate) async fn any(app: &App, scope: &Scope, id: DeviceId) -> Outcome<domain::Device> {
    match app.store().device(scope, id).await? {
        DeviceLookup::Found(device) => Ok(*device),
        DeviceLookup::Refused => Err(not_granted()),
        DeviceLookup::NotFound => Err(device_not_found(id)),
    }
}

/// `/devices/list`
pub(crate) async fn list(app: App, call: Call, params: ListDevices) -> Outcome<Page<Device>> {
    let after = cursors::read::<ListDevices>(&call.input, &params.page_cursor)?;
    let (items, next) = page(&app, &call, params.filters, false, params.limit, after).await?;
    let pagination = cursors::pagination::<ListDevices>(app.public_url(), &call.input, next.as_ref());
    Ok(Page { items, pagination })
}

/// A page of managed devices, or of managed locks.
pub(crate) async fn page(
    app: &App,
    call: &Call,
    filters: DeviceFilters,
    locks_only: bool,
    limit: Limit,
    after: Option<Cursor>,
) -> Outcome<(Vec<Device>, Option<Cursor>)> {
    let base = DeviceFilter::managed();
    let (found, next) = page_of(app, call, filters, base, locks_only, limit, after).await?;
    Ok((shown(app, &call.caller.scope()?, &found).await?, next))
}

/// A page of the devices that `base` and the filters let through.
pub(crate) async fn page_of(
    app: &App,
    call: &Call,
    filters: DeviceFilters,
    base: DeviceFilter,
    locks_only: bool,
    limit: Limit,
    after: Option<Cursor>,
) -> Outcome<(Vec<domain::Device>, Option<Cursor>)> {
    let scope = call.caller.scope()?;
    let (include, exclude) = (filters.include_if.clone(), filters.exclude_if.clone());
    let Some(filter) = filter(filters, base, locks_only) else { return Ok((Vec::new(), None)) };
    let request = PageRequest { limit: app.page_limit(limit), after };
    let found = if include.is_none() && exclude.is_none() {
        app.store().devices(&scope, &filter, request).await?
    } else {
        let keep = |device: &domain::Device| {
            let flags = to_wire::capabilities(device);
            include.iter().flatten().all(|flag| has(&flags, *flag))
                && !exclude.iter().flatten().any(|flag| has(&flags, *flag))
        };
        app.store().devices_where(&scope, &filter, request, keep).await?
    };
    Ok((found.items, found.next))
}

/// `None`: asks for what this server has none of (webviews), so nothing matches.
fn filter(filters: DeviceFilters, base: DeviceFilter, locks_only: bool) -> Option<DeviceFilter> {
    if filters.connect_webview_id.is_some() {
        return None;
    }
    Some(DeviceFilter {
        spaces: filters.space().map(|id| vec![id.0.into()]),
        ids: filters.device_ids.map(|ids| ids.into_iter().map(|id| id.0.into()).collect()),
        accounts: both(filters.connected_account_id, filters.connected_account_ids)
            .map(|ids| ids.into_iter().map(|id| id.0.into()).collect()),
        customer_key: filters.customer_key.map(Text::into_string),
        user_identifier_key: filters.user_identifier_key.map(Text::into_string),
        device_types: types(filters.device_type.as_deref(), filters.device_types.as_deref(), locks_only),
        manufacturer: filters.manufacturer.map(Text::into_string),
        created_before: filters.created_before.map(|at| at.0),
        metadata: wanted(filters.custom_metadata_has),
        search: filters.search.map(Text::into_string),
        ..base
    })
}

/// What satisfies both forms of a filter.
pub(crate) fn both<T: PartialEq>(one: Option<T>, many: Option<Vec<T>>) -> Option<Vec<T>> {
    match (one, many) {
        (Some(one), Some(many)) => Some(many.into_iter().filter(|item| *item == one).collect()),
        (Some(one), None) => Some(vec![one]),
        (None, many) => many,
    }
}

/// The types that satisfy both forms of the filter. Every device here is a lock, so other types match nothing and are
/// left out: however long a list is sent, the one that is searched for is short.
fn types(one: Option<&str>, many: Option<&[NonEmptyString]>, locks_only: bool) -> Option<Vec<String>> {
    if one.is_none() && many.is_none() && !locks_only {
        return None;
    }
    let many: Option<HashSet<&str>> = many.map(|kinds| kinds.iter().map(|kind| &**kind).collect());
    let asked =
        |kind: &&str| one.is_none_or(|one| one == *kind) && many.as_ref().is_none_or(|many| many.contains(kind));
    Some(LOCK_DEVICE_TYPES.iter().copied().filter(asked).map(str::to_owned).collect())
}

/// The pairs of a metadata filter, as the store compares them.
pub(crate) fn wanted(filter: Option<MetadataFilter>) -> Vec<(String, Wanted)> {
    let pairs = filter.map(|filter| filter.0).unwrap_or_default().into_iter();
    pairs
        .map(|(key, value)| {
            let value = match value {
                Some(MetadataValue::Text(text)) => Wanted::Text(text),
                Some(MetadataValue::Boolean(flag)) => Wanted::Flag(flag),
                None => Wanted::Unset,
            };
            (key, value)
        })
        .collect()
}

fn has(flags: &CapabilityFlags, flag: CapabilityFlag) -> bool {
    let value = match flag {
        CapabilityFlag::RemotelyUnlock => flags.can_remotely_unlock,
        CapabilityFlag::RemotelyLock => flags.can_remotely_lock,
        CapabilityFlag::ConfigureAutoLock => flags.can_configure_auto_lock,
        CapabilityFlag::UnlockWithCode => flags.can_unlock_with_code,
        CapabilityFlag::ProgramOnlineAccessCodes => flags.can_program_online_access_codes,
        CapabilityFlag::ProgramOfflineAccessCodes => flags.can_program_offline_access_codes,
        CapabilityFlag::SimulateConnection => flags.can_simulate_connection,
        CapabilityFlag::SimulateDisconnection => flags.can_simulate_disconnection,
        CapabilityFlag::SimulateRemoval => flags.can_simulate_removal,
        CapabilityFlag::SimulateHubConnection => flags.can_simulate_hub_connection,
        CapabilityFlag::SimulateHubDisconnection => flags.can_simulate_hub_disconnection,
        CapabilityFlag::SimulatePaidSubscription => flags.can_simulate_paid_subscription,
        _ => None,
    };
    value == Some(true)
}

/// `/devices/update`
pub(crate) async fn update(app: App, call: Call, params: UpdateDevice) -> Outcome<()> {
    let id: DeviceId = params.device_id.0.into();
    edited(&app, &call, id, |device| {
        if !device.is_managed {
            return Err(Failure::new(ErrorType::DeviceUnmanaged, "Device is unmanaged. Use /devices/unmanaged/update")
                .with_data("device_id", id));
        }
        edit(device, &params)
    })
    .await
}

/// Lays what `change` makes of a device over it. One edit of a device follows the other, since each is laid over what
/// was read.
pub(crate) async fn edited(
    app: &App,
    call: &Call,
    id: DeviceId,
    change: impl Fn(&domain::Device) -> Outcome<domain::Editable>,
) -> Outcome<()> {
    let scope = call.caller.scope()?;
    let _alone = app.changing_device(id).await;
    for _ in 0..EDIT_TRIES {
        let device = any(app, &scope, id).await?;
        match app.engine().edit_device(&device, change(&device)?).await {
            Err(CommitError::Conflict(_)) => {}
            other => return Ok(other?),
        }
    }
    Err(Failure::unavailable("The device is being changed by others. Try again."))
}

/// `/devices/delete`
pub(crate) async fn delete(app: App, call: Call, params: DeleteDevice) -> Outcome<()> {
    let id: DeviceId = params.device_id.0.into();
    let device = any(&app, &call.caller.scope()?, id).await?;
    match app.engine().delete_device(&device).await {
        Err(CommitError::Conflict(_)) => Err(device_not_found(id)),
        other => Ok(other?),
    }
}

/// `/devices/report_provider_metadata`
pub(crate) async fn report_provider_metadata(app: App, call: Call, params: ReportProviderMetadata) -> Outcome<()> {
    let scope = call.caller.scope()?;
    let zones = time_zones(&params)?;
    let mut told = Vec::with_capacity(zones.len());
    for (device, time_zone) in zones {
        told.push((any(&app, &scope, device).await?.id, time_zone));
    }
    app.store().commit(Change::TimeZonesTold(told)).await?;
    Ok(())
}

/// The first time zone that is told of each device, spelled as IANA does.
fn time_zones(params: &ReportProviderMetadata) -> Outcome<Vec<(DeviceId, String)>> {
    let (mut zones, mut problems) = (Vec::new(), Problems::default());
    for (at, reported) in params.devices.iter().enumerate() {
        let mut first = None;
        for (metadata, name) in reported.time_zones() {
            match TimeZone::get(name).ok().as_ref().and_then(TimeZone::iana_name) {
                Some(known) => first = first.or_else(|| Some(known.to_owned())),
                None => problems.at("devices", |list| {
                    let wrong = |zone: &mut Problems| zone.add(format!("{name:?} is not the IANA name of a time zone"));
                    list.at(&at.to_string(), |device| device.at(metadata, |inner| inner.at("time_zone", wrong)));
                }),
            }
        }
        zones.extend(first.map(|zone| (reported.device_id.0.into(), zone)));
    }
    if problems.is_empty() { Ok(zones) } else { Err(ApiError::from(problems).into()) }
}

fn edit(device: &domain::Device, params: &UpdateDevice) -> Outcome<domain::Editable> {
    use thumbturn_api::Nullable::{Absent, Null, Value};
    let nickname = match params.nickname() {
        Absent => device.nickname.clone(),
        Null => None,
        Value("") => None,
        Value(name) if name.chars().count() > NAME_CHARS => {
            let problem = format!("String must contain at most {NAME_CHARS} character(s)");
            return Err(Failure::invalid_parameter("name", problem));
        }
        Value(name) => Some(name.to_owned()),
    };
    let custom_metadata = match &params.custom_metadata {
        Some(changes) => merged(&device.custom_metadata, changes)?,
        None => device.custom_metadata.clone(),
    };
    Ok(domain::Editable { nickname, custom_metadata, is_managed: params.is_managed })
}

/// The metadata with the changes in it.
pub(crate) fn merged(stored: &str, changes: &MetadataChanges) -> Outcome<String> {
    let mut pairs: CustomMetadata = to_wire::metadata(stored);
    for (key, value) in &changes.0 {
        match value {
            Some(value) => pairs.insert(key.clone(), value.clone()),
            None => pairs.remove(key),
        };
    }
    if pairs.len() > METADATA_PAIRS {
        let problem = format!("Object must contain at most {METADATA_PAIRS} key(s), counted with those already set");
        return Err(Failure::invalid_parameter("custom_metadata", problem));
    }
    serde_json::to_string(&pairs).map_err(|_| Failure::new(ErrorType::InternalServerError, "Cannot write metadata"))
}
