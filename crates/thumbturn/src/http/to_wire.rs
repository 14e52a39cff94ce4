//! From the domain to the wire: one function per object. Nothing is decided here but form.

use std::collections::BTreeMap;

use thumbturn_api as api;
use thumbturn_api::action_attempts::{ActionAttempt, ActionError, ActionResult, ActionType};
use thumbturn_api::connected_accounts::{
    ConnectedAccount, ConnectedAccountError, ConnectedAccountWarning, UserIdentifier,
};
use thumbturn_api::devices::{
    Appearance, Battery, BatteryStatus, CapabilityFlags, Device, DeviceError, DeviceLocation, DeviceManufacturer,
    DeviceModel, DeviceProperties, DeviceProvider, DeviceWarning,
};
use thumbturn_api::unmanaged_devices::{UnmanagedDevice, UnmanagedDeviceProperties};
use thumbturn_api::{CustomMetadata, Secret, Timestamp};
use thumbturn_core::accounts::{Account, LinkState, LinkTrouble, Provider};
use thumbturn_core::attempts::{Attempt, Outcome};
use thumbturn_core::commands::AutoLock;
use thumbturn_core::credentials::ClientSession;
use thumbturn_core::devices::{self, OfflineBecause, Reach};
use thumbturn_core::ids::SpaceId;
use thumbturn_core::locks::{Action, Bolt};
use thumbturn_core::spaces::Space;
use thumbturn_core::user_identities::UserIdentity;
use thumbturn_core::workspaces::Workspace;

/// What an account's trouble is called on the wire.
pub(super) const ACCOUNT_ERROR: &str = "account_disconnected";
pub(super) const ACCOUNT_WARNING: &str = "provider_service_unavailable";
/// What a jam is called, in the closed list of the contract.
const JAM_WARNING: &str = "provider_issue";
pub(super) const REFUSED: &str = "The hub refuses the account's credentials or settings.";
pub(super) const AWAY: &str = "The hub cannot be reached.";

/// An attempt.
pub(crate) fn action_attempt(attempt: &Attempt) -> ActionAttempt {
    let kind = match attempt.action {
        Action::LockDoor => ActionType::LockDoor,
        Action::UnlockDoor => ActionType::UnlockDoor,
        Action::ConfigureAutoLock => ActionType::ConfigureAutoLock,
        Action::SimulateKeypadCodeEntry => ActionType::SimulateKeypadCodeEntry,
        Action::SimulateManualLockViaKeypad => ActionType::SimulateManualLockViaKeypad,
        Action::ResetSandboxWorkspace => ActionType::ResetSandboxWorkspace,
    };
    let pending = ActionAttempt::pending(attempt.id.0.into(), kind);
    match &attempt.outcome {
        None => pending,
        Some(Outcome::Success { confirmed }) => {
            // Only of a bolt can be said more than that it worked.
            let was_confirmed_by_device = attempt.action.wanted().map(|_| *confirmed);
            pending.succeeded(ActionResult { was_confirmed_by_device })
        }
        Some(Outcome::Failure(failure)) => pending
            .failed(ActionError { error_type: failure.kind.as_str().to_owned(), message: failure.message.clone() }),
    }
}

/// Stored metadata; what is not an object of texts and booleans was not written by us and is left out.
pub(crate) fn metadata(text: &str) -> CustomMetadata {
    serde_json::from_str(text).unwrap_or_default()
}

/// A managed device.
pub(crate) fn device(device: &devices::Device, spaces: Option<&Vec<SpaceId>>, image_base: &str) -> Device {
    let about = &device.about;
    let name = device.nickname.clone().unwrap_or_else(|| about.name.clone());
    Device {
        device_id: device.id.0.into(),
        device_type: about.device_type.clone(),
        display_name: name.clone(),
        nickname: device.nickname.clone(),
        connected_account_id: device.account.0.into(),
        workspace_id: device.workspace.0.into(),
        created_at: device.created_at.into(),
        is_managed: device.is_managed,
        capabilities_supported: vec!["lock".to_owned()],
        capabilities: capabilities(device),
        properties: properties(device, name, image_base),
        location: device.time_zone.as_deref().map(location),
        space_ids: spaces.into_iter().flatten().map(|space| space.0.into()).collect(),
        custom_metadata: metadata(&device.custom_metadata),
        errors: device_errors(device),
        warnings: device_warnings(device),
        device_manufacturer: Some(DeviceManufacturer {
            manufacturer: about.manufacturer.clone(),
            display_name: about.manufacturer_name.clone(),
            image_url: None,
        }),
        device_provider: Some(DeviceProvider {
            device_provider_name: device.provider.as_str().to_owned(),
            display_name: device.provider.display_name().to_owned(),
            provider_category: "stable".to_owned(),
            image_url: None,
        }),
    }
}

/// Older clients read the time zone under its older name.
fn location(time_zone: &str) -> DeviceLocation {
    let time_zone = Some(time_zone.to_owned());
    DeviceLocation { timezone: time_zone.clone(), time_zone, ..DeviceLocation::default() }
}

/// An unmanaged device.
pub(crate) fn unmanaged_device(device: &devices::Device, image_base: &str) -> UnmanagedDevice {
    let Device {
        device_id,
        device_type,
        display_name,
        connected_account_id,
        workspace_id,
        created_at,
        is_managed,
        capabilities_supported,
        capabilities,
        properties,
        location,
        custom_metadata,
        errors,
        warnings,
        ..
    } = self::device(device, None, image_base);
    UnmanagedDevice {
        device_id,
        device_type,
        display_name,
        connected_account_id,
        workspace_id,
        created_at,
        is_managed,
        capabilities_supported,
        capabilities,
        properties: UnmanagedDeviceProperties {
            name: properties.name,
            online: properties.online,
            model: properties.model,
            manufacturer: properties.manufacturer,
            image_url: properties.image_url,
            image_alt_text: properties.image_alt_text,
            battery: properties.battery,
            battery_level: properties.battery_level,
        },
        location,
        custom_metadata,
        errors,
        // A jam is a word of the bolt, which is not told of an unmanaged device.
        warnings: warnings.into_iter().filter(|warning| warning.warning_code != JAM_WARNING).collect(),
    }
}

/// `true`: works now; `false`: can, but not now; absent: never.
pub(crate) fn capabilities(device: &devices::Device) -> CapabilityFlags {
    let takes_commands = device.state.reach.is_online() && device.state.subscription_ended_since.is_none();
    let flags = match device.provider {
        Provider::Sandbox => simulations(device.state.reach),
        Provider::Mqtt | Provider::ZwaveJs | Provider::HomeAssistant | Provider::Matter => CapabilityFlags::default(),
    };
    CapabilityFlags {
        can_remotely_lock: device.about.can_lock.then_some(takes_commands),
        can_remotely_unlock: device.about.can_unlock.then_some(takes_commands),
        can_configure_auto_lock: device.about.can_configure_auto_lock.then_some(takes_commands),
        can_unlock_with_code: device.about.has_keypad.then_some(true),
        ..flags
    }
}

/// Which simulations would change something now. A lock whose account is not connected hears of none.
fn simulations(reach: Reach) -> CapabilityFlags {
    let because = match reach {
        Reach::Offline { because, .. } => Some(because),
        Reach::Online | Reach::Unknown => None,
    };
    let listens = !matches!(because, Some(OfflineBecause::DeviceRemoved | OfflineBecause::AccountDisconnected));
    let has_hub = listens && because != Some(OfflineBecause::OwnHubDisconnected);
    CapabilityFlags {
        can_simulate_connection: Some(because == Some(OfflineBecause::DeviceDisconnected)),
        can_simulate_disconnection: Some(reach.is_online()),
        can_simulate_removal: Some(listens),
        can_simulate_hub_connection: Some(because == Some(OfflineBecause::OwnHubDisconnected)),
        can_simulate_hub_disconnection: Some(has_hub),
        can_simulate_paid_subscription: Some(listens),
        ..CapabilityFlags::default()
    }
}

/// Address of the picture of a lock; without one, the official components show a picture from elsewhere.
pub(crate) fn lock_image(base: &str) -> String {
    format!("{base}/thumbturn/images/lock.svg")
}

fn properties(device: &devices::Device, name: String, image_base: &str) -> DeviceProperties {
    let about = &device.about;
    let online = device.state.reach.is_online();
    let battery = device.state.battery.filter(|_| online);
    DeviceProperties {
        name,
        online,
        model: DeviceModel {
            display_name: about.model.clone(),
            manufacturer_display_name: about.manufacturer_name.clone(),
            has_built_in_keypad: Some(about.has_keypad),
            ..DeviceModel::default()
        },
        appearance: Appearance { name: about.name.clone() },
        locked: device.state.shown_bolt().map(|bolt| bolt == Bolt::Locked),
        door_open: device.state.door_open.filter(|_| online),
        battery: battery.map(|level| Battery { level, status: BatteryStatus::of_level(level) }),
        battery_level: battery,
        has_direct_power: about.has_direct_power.then_some(true),
        auto_lock_enabled: device.state.auto_lock.map(|auto_lock| auto_lock != AutoLock::Off),
        auto_lock_delay_seconds: device.state.auto_lock.and_then(delay),
        serial_number: about.serial_number.clone(),
        manufacturer: Some(about.manufacturer.clone()),
        image_url: Some(lock_image(image_base)),
        image_alt_text: Some("A door lock".to_owned()),
        online_access_codes_enabled: Some(false),
        offline_access_codes_enabled: Some(false),
        ..DeviceProperties::default()
    }
}

fn device_errors(device: &devices::Device) -> Vec<DeviceError> {
    let offline = match device.state.reach {
        Reach::Offline { because, since } => Some(device_error(because, since)),
        Reach::Online | Reach::Unknown => None,
    };
    let unpaid = device.state.subscription_ended_since.map(subscription_required);
    offline.into_iter().chain(unpaid).collect()
}

pub(super) fn subscription_required(since: jiff::Timestamp) -> DeviceError {
    DeviceError::of_device("subscription_required", "The lock's paid subscription has ended.", Timestamp(since))
}

const fn delay(auto_lock: AutoLock) -> Option<f64> {
    match auto_lock {
        AutoLock::Off => None,
        AutoLock::After(seconds) => Some(seconds as f64),
    }
}

pub(super) fn device_error(because: OfflineBecause, since: jiff::Timestamp) -> DeviceError {
    let (code, since) = (because.as_str(), Timestamp(since));
    match because {
        OfflineBecause::DeviceDisconnected => DeviceError::of_device(code, "The lock cannot be reached.", since),
        OfflineBecause::HubDisconnected | OfflineBecause::OwnHubDisconnected => {
            DeviceError::of_device(code, "The lock's hub is not connected.", since)
        }
        OfflineBecause::DeviceRemoved => DeviceError::of_device(code, "The hub no longer knows this lock.", since),
        OfflineBecause::AccountDisconnected => DeviceError::of_account(code, REFUSED, since),
    }
}

fn device_warnings(device: &devices::Device) -> Vec<DeviceWarning> {
    let jam = device.state.jammed_since.map(|since| DeviceWarning {
        warning_code: JAM_WARNING.to_owned(),
        message: "The lock reports that its bolt is jammed.".to_owned(),
        created_at: since.into(),
        active_access_code_count: None,
        max_active_access_code_count: None,
    });
    jam.into_iter().collect()
}

/// Stored looks; what cannot be read was not written by us and is left out.
pub(crate) fn customization(text: &str) -> api::workspaces::ConnectWebviewCustomization {
    serde_json::from_str(text).unwrap_or_default()
}

/// A workspace.
pub(crate) fn workspace(workspace: &Workspace) -> api::workspaces::Workspace {
    api::workspaces::Workspace {
        workspace_id: workspace.id.0.into(),
        name: workspace.name.clone(),
        company_name: workspace.company_name.clone(),
        connect_partner_name: Some(workspace.company_name.clone()),
        is_sandbox: workspace.is_sandbox,
        is_suspended: workspace.is_suspended,
        is_publishable_key_auth_enabled: workspace.publishable_key_enabled,
        publishable_key: workspace.publishable_key.clone(),
        organization_id: None,
        connect_webview_customization: customization(&workspace.customization),
    }
}

/// A client session, token included: every read of a session returns it.
pub(crate) fn client_session(session: &ClientSession, device_count: u64) -> api::client_sessions::ClientSession {
    api::client_sessions::ClientSession {
        client_session_id: session.id.0.into(),
        workspace_id: session.workspace.0.into(),
        token: Secret::new(session.token.clone()),
        user_identifier_key: session.user_identifier_key.clone(),
        connected_account_ids: session.accounts.iter().map(|account| account.0.into()).collect(),
        connect_webview_ids: Vec::new(),
        user_identity_ids: session.identity.map(|identity| identity.0.into()).into_iter().collect(),
        user_identity_id: session.identity.map(|identity| identity.0.into()),
        customer_key: session.customer_key.clone(),
        device_count,
        created_at: session.created_at.into(),
        expires_at: session.expires_at.into(),
    }
}

/// Stored customer data; what is not an object of texts was not written by us and is left out.
pub(crate) fn customer_data(text: &str) -> BTreeMap<String, String> {
    serde_json::from_str(text).unwrap_or_default()
}

/// A space with so many devices in it.
pub(crate) fn space(space: &Space, device_count: u64) -> api::spaces::Space {
    api::spaces::Space {
        space_id: space.id.0.into(),
        workspace_id: space.workspace.0.into(),
        name: space.name.clone(),
        display_name: space.name.clone(),
        space_key: space.key.clone(),
        customer_key: space.customer_key.clone(),
        customer_data: Some(customer_data(&space.customer_data)).filter(|data| !data.is_empty()),
        device_count,
        acs_entrance_count: 0,
        created_at: space.created_at.into(),
    }
}

/// A user identity.
pub(crate) fn user_identity(identity: &UserIdentity) -> api::user_identities::UserIdentity {
    api::user_identities::UserIdentity {
        user_identity_id: identity.id.0.into(),
        workspace_id: identity.workspace.0.into(),
        user_identity_key: identity.key.clone(),
        email_address: identity.email_address.clone(),
        phone_number: identity.phone_number.clone(),
        full_name: identity.full_name.clone(),
        display_name: identity.display_name(),
        acs_user_ids: Vec::new(),
        merged_user_identity_ids: identity.merged.iter().map(|old| old.id.0.into()).collect(),
        merged_user_identity_keys: identity.merged.iter().filter_map(|old| old.key.clone()).collect(),
        errors: Vec::new(),
        warnings: Vec::new(),
        created_at: identity.created_at.into(),
    }
}

/// A connected account, without its settings.
pub(crate) fn connected_account(account: &Account) -> ConnectedAccount {
    ConnectedAccount {
        connected_account_id: account.id.0.into(),
        account_type: Some(account.provider.as_str().to_owned()),
        account_type_display_name: account.provider.display_name().to_owned(),
        display_name: account.display_name.clone(),
        automatically_manage_new_devices: account.manages_new_devices,
        accepted_capabilities: vec!["lock".to_owned()],
        custom_metadata: metadata(&account.custom_metadata),
        errors: account_errors(account),
        warnings: account_warnings(account),
        created_at: Some(account.created_at.into()),
        customer_key: account.customer_key.clone(),
        image_url: None,
        time_zone: None,
        user_identifier: user_identifier(account),
    }
}

/// What a hub is known by; virtual locks have no address.
fn user_identifier(account: &Account) -> UserIdentifier {
    let api_url = (account.provider != Provider::Sandbox).then(|| account.hub_key.clone());
    UserIdentifier { api_url, ..UserIdentifier::default() }
}

fn account_errors(account: &Account) -> Vec<ConnectedAccountError> {
    match &account.link {
        LinkState::Down { trouble: LinkTrouble::CredentialsRefused, message, since } => vec![ConnectedAccountError {
            error_code: ACCOUNT_ERROR.to_owned(),
            message: message.clone(),
            created_at: (*since).into(),
            is_connected_account_error: Some(true),
            is_bridge_error: None,
        }],
        _ => Vec::new(),
    }
}

fn account_warnings(account: &Account) -> Vec<ConnectedAccountWarning> {
    match &account.link {
        LinkState::Down { trouble: LinkTrouble::HubDisconnected, message, since } => vec![ConnectedAccountWarning {
            warning_code: ACCOUNT_WARNING.to_owned(),
            message: message.clone(),
            created_at: (*since).into(),
        }],
        _ => Vec::new(),
    }
}
