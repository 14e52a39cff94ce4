//! Device providers: put together from the devices of the workspace.

use std::collections::BTreeMap;

use thumbturn_api::device_providers::{ListDeviceProviders, ListedProvider, ProviderCategory};
use thumbturn_api::devices::CapabilityFlags;
use thumbturn_store::{DeviceFilter, PageRequest};

use super::call::Call;
use super::errors::Outcome;
use super::to_wire;
use crate::app::{App, LARGEST_PAGE};

/// The kinds of service that every provider here belongs to.
const CATEGORIES: [ProviderCategory; 2] = [ProviderCategory::Stable, ProviderCategory::ConsumerSmartlocks];

/// The makers that the official list names as providers; the list is closed.
#[rustfmt::skip]
const PROVIDERS: [&str; 17] = [
    "akiles", "akuvox", "august", "brivo", "igloohome", "kwikset", "lockly", "nuki", "salto", "schlage", "smartthings",
    "tedee", "ttlock", "ultraloq", "wyze", "yale", "omnitec",
];

/// `/devices/list_device_providers`
pub(crate) async fn list(app: App, call: Call, params: ListDeviceProviders) -> Outcome<Vec<ListedProvider>> {
    if params.provider_category.is_some_and(|category| !CATEGORIES.contains(&category)) {
        return Ok(Vec::new());
    }
    let page = PageRequest::first(LARGEST_PAGE);
    let devices = app.store().devices(&call.caller.scope()?, &DeviceFilter::default(), page).await?.items;
    let mut providers: BTreeMap<&str, ListedProvider> = BTreeMap::new();
    for device in &devices {
        let about = &device.about;
        let Some(name) = PROVIDERS.iter().copied().find(|name| *name == about.manufacturer) else { continue };
        let provider = providers.entry(name).or_insert_with(|| ListedProvider {
            device_provider_name: name.to_owned(),
            display_name: about.manufacturer_name.clone(),
            image_url: to_wire::lock_image(app.public_url()),
            provider_categories: CATEGORIES.to_vec(),
            capabilities: CapabilityFlags::default(),
        });
        provider.capabilities.add(&to_wire::capabilities(device));
    }
    Ok(providers.into_values().collect())
}
