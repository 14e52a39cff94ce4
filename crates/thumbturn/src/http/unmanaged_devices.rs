//! Unmanaged devices: reads, and the way back to managed.

use thumbturn_api::unmanaged_devices::{
    GetUnmanagedDevice, ListUnmanagedDevices, UnmanagedDevice, UpdateUnmanagedDevice,
};
use thumbturn_api::{ErrorType, Page};
use thumbturn_core::devices as domain;
use thumbturn_core::ids::DeviceId;
use thumbturn_store::DeviceFilter;

use super::call::Call;
use super::errors::{Failure, Outcome};
use super::{cursors, devices, to_wire};
use crate::app::App;

/// `/devices/unmanaged/get`
pub(crate) async fn get(app: App, call: Call, params: GetUnmanagedDevice) -> Outcome<UnmanagedDevice> {
    let id = params.device_id.map(|id| id.0.into());
    let device = devices::find_as(&app, &call, id, params.name.as_deref(), false).await?;
    Ok(to_wire::unmanaged_device(&device, app.public_url()))
}

/// `/devices/unmanaged/list`
pub(crate) async fn list(app: App, call: Call, params: ListUnmanagedDevices) -> Outcome<Page<UnmanagedDevice>> {
    let after = cursors::read::<ListUnmanagedDevices>(&call.input, &params.page_cursor)?;
    let base = DeviceFilter::unmanaged();
    let (found, next) = devices::page_of(&app, &call, params.filters, base, false, params.limit, after).await?;
    let pagination = cursors::pagination::<ListUnmanagedDevices>(app.public_url(), &call.input, next.as_ref());
    let items = found.iter().map(|device| to_wire::unmanaged_device(device, app.public_url())).collect();
    Ok(Page { items, pagination })
}

/// `/devices/unmanaged/update`
pub(crate) async fn update(app: App, call: Call, params: UpdateUnmanagedDevice) -> Outcome<()> {
    let id: DeviceId = params.device_id.0.into();
    devices::edited(&app, &call, id, |device| edit(device, &params)).await
}

fn edit(device: &domain::Device, params: &UpdateUnmanagedDevice) -> Outcome<domain::Editable> {
    if device.is_managed {
        return Err(Failure::new(ErrorType::DeviceManaged, "Device is managed. Use /devices/update")
            .with_data("device_id", device.id));
    }
    let custom_metadata = match &params.custom_metadata {
        Some(changes) => devices::merged(&device.custom_metadata, changes)?,
        None => device.custom_metadata.clone(),
    };
    Ok(domain::Editable { custom_metadata, is_managed: params.is_managed == Some(true), ..device.editable() })
}
