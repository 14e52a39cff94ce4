//! Locks: the actions, and the older reads.

use thumbturn_api::action_attempts::ActionAttempt;
use thumbturn_api::device_filters::is_lock_device_type;
use thumbturn_api::devices::Device;
use thumbturn_api::locks::{ConfigureAutoLock, GetLock, ListLocks, LockDoor, UnlockDoor};
use thumbturn_api::{Decimal, Limit, Page};
use thumbturn_core::commands::{AutoLock, Command};
use thumbturn_core::locks::Bolt;

use super::begin::{Begin, begin};
use super::call::Call;
use super::errors::Outcome;
use super::{cursors, devices};
use crate::app::App;

/// `/locks/unlock_door`
pub(crate) async fn unlock_door(app: App, call: Call, params: UnlockDoor) -> Outcome<ActionAttempt> {
    let command = Command::Move(Bolt::Unlocked);
    begin::<UnlockDoor>(&app, &call, Begin { device: params.device_id.0.into(), command, sync: params.sync }).await
}

/// `/locks/lock_door`
pub(crate) async fn lock_door(app: App, call: Call, params: LockDoor) -> Outcome<ActionAttempt> {
    let command = Command::Move(Bolt::Locked);
    begin::<LockDoor>(&app, &call, Begin { device: params.device_id.0.into(), command, sync: params.sync }).await
}

/// `/locks/configure_auto_lock`. A delay sent with `false` means nothing.
pub(crate) async fn configure_auto_lock(app: App, call: Call, params: ConfigureAutoLock) -> Outcome<ActionAttempt> {
    let auto_lock = match params.auto_lock_delay_seconds.filter(|_| params.auto_lock_enabled) {
        Some(delay) => AutoLock::After(whole_seconds(delay)),
        None => AutoLock::Off,
    };
    let command = Command::AutoLock(auto_lock);
    begin::<ConfigureAutoLock>(&app, &call, Begin { device: params.device_id.0.into(), command, sync: false }).await
}

fn whole_seconds(delay: Decimal<1, 60>) -> u32 {
    // From 1 to 60 by its type.
    delay.get().ceil() as u32
}

/// `/locks/get`
pub(crate) async fn get(app: App, call: Call, params: GetLock) -> Outcome<Device> {
    let device = devices::find(&app, &call, params.device_id, params.name.as_deref()).await?;
    if !is_lock_device_type(&device.device_type) {
        return Err(super::errors::device_not_found(device.device_id.0.into()));
    }
    Ok(device)
}

/// `/locks/list`: official clients expect no pages here, so the answer is whole unless a limit is asked for.
pub(crate) async fn list(app: App, call: Call, params: ListLocks) -> Outcome<Page<Device>> {
    let after = cursors::read::<ListLocks>(&call.input, &params.page_cursor)?;
    let is_limited = call.input.get("limit").is_some_and(|limit| !limit.is_null());
    let limit = if is_limited { params.limit } else { Limit::of(u32::MAX) };
    let (items, next) = devices::page(&app, &call, params.filters, true, limit, after).await?;
    let pagination = cursors::pagination::<ListLocks>(app.public_url(), &call.input, next.as_ref());
    Ok(Page { items, pagination })
}
