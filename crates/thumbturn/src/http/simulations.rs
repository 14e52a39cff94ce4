//! Simulations at Seam's own paths: virtual locks in sandbox workspaces, and their accounts.

use std::time::Duration;

use thumbturn_api::ErrorType;
use thumbturn_api::action_attempts::ActionAttempt;
use thumbturn_api::simulations::{
    SimulateAccountDisconnection, SimulateConnection, SimulateDisconnection, SimulateHubConnection,
    SimulateHubDisconnection, SimulateKeypadCodeEntry, SimulateManualLockViaKeypad, SimulatePaidSubscription,
    SimulateRemoval,
};
use thumbturn_core::accounts::{Account, LinkState, LinkTrouble, Provider};
use thumbturn_core::commands::{Command, Simulation};
use thumbturn_core::devices::Device;
use thumbturn_core::ids::{AccountId, DeviceId};
use thumbturn_core::pins::Pin;
use thumbturn_core::scope::Scope;
use thumbturn_drivers::sandbox::Simulated;

use super::begin::{Begin, begin_if};
use super::call::Call;
use super::errors::{Failure, Outcome, device_not_found};
use super::{connected_accounts, devices, sandbox};
use crate::app::App;

/// How long the answer waits until what was simulated can be read.
const UNTIL_IT_SHOWS: Duration = Duration::from_secs(2);

/// Between two looks at an account.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// `/locks/simulate/keypad_code_entry`
pub(crate) async fn keypad_code_entry(app: App, call: Call, params: SimulateKeypadCodeEntry) -> Outcome<ActionAttempt> {
    let device = params.device_id.0.into();
    let pin = Pin::new(&params.code.into_exposed())
        .ok_or_else(|| Failure::invalid_parameter("code", "String must be 1 to 32 digits"))?;
    let command = Command::Simulate(Simulation::TypeCode(pin));
    let what = Begin { device, command, sync: false };
    begin_if::<SimulateKeypadCodeEntry>(&app, &call, what, at_keypad(&app, &call, device)).await
}

/// `/locks/simulate/manual_lock_via_keypad`
pub(crate) async fn manual_lock_via_keypad(
    app: App,
    call: Call,
    params: SimulateManualLockViaKeypad,
) -> Outcome<ActionAttempt> {
    let device = params.device_id.0.into();
    let what = Begin { device, command: Command::Simulate(Simulation::LockAtKeypad), sync: false };
    begin_if::<SimulateManualLockViaKeypad>(&app, &call, what, at_keypad(&app, &call, device)).await
}

/// `/devices/simulate/connect`
pub(crate) async fn connect(app: App, call: Call, params: SimulateConnection) -> Outcome<()> {
    simulate(&app, &call, params.device_id.0.into(), Simulated::Connect).await
}

/// `/devices/simulate/disconnect`
pub(crate) async fn disconnect(app: App, call: Call, params: SimulateDisconnection) -> Outcome<()> {
    simulate(&app, &call, params.device_id.0.into(), Simulated::Disconnect).await
}

/// `/devices/simulate/connect_to_hub`
pub(crate) async fn connect_to_hub(app: App, call: Call, params: SimulateHubConnection) -> Outcome<()> {
    simulate(&app, &call, params.device_id.0.into(), Simulated::ConnectHub).await
}

/// `/devices/simulate/disconnect_from_hub`
pub(crate) async fn disconnect_from_hub(app: App, call: Call, params: SimulateHubDisconnection) -> Outcome<()> {
    simulate(&app, &call, params.device_id.0.into(), Simulated::DisconnectHub).await
}

/// `/devices/simulate/paid_subscription`
pub(crate) async fn paid_subscription(app: App, call: Call, params: SimulatePaidSubscription) -> Outcome<()> {
    let what = Simulated::Subscription { ended: params.is_expired };
    simulate(&app, &call, params.device_id.0.into(), what).await
}

/// `/devices/simulate/remove`
pub(crate) async fn remove(app: App, call: Call, params: SimulateRemoval) -> Outcome<()> {
    simulate(&app, &call, params.device_id.0.into(), Simulated::Remove).await
}

async fn simulate(app: &App, call: &Call, id: DeviceId, what: Simulated) -> Outcome<()> {
    let device = virtual_lock(app, call, id).await?;
    if device.state.reach.is_removed() {
        // Nothing else can happen to a lock that is not there any more.
        return if what == Simulated::Remove { Ok(()) } else { Err(device_not_found(id)) };
    }
    let simulated = app.sandbox().simulate(device.account, &device.about.native, what);
    if let Some(dealt_with) = simulated.map_err(|error| sandbox::refused(error, id))? {
        let _ = tokio::time::timeout(UNTIL_IT_SHOWS, dealt_with.notified()).await;
    }
    Ok(())
}

async fn at_keypad(app: &App, call: &Call, id: DeviceId) -> Outcome<()> {
    let device = virtual_lock(app, call, id).await?;
    if device.about.has_keypad { Ok(()) } else { Err(sandbox::no_keypad(id)) }
}

/// The device, if it is a virtual lock in a sandbox workspace.
async fn virtual_lock(app: &App, call: &Call, id: DeviceId) -> Outcome<Device> {
    let scope = call.caller.scope()?;
    let device = devices::any(app, &scope, id).await?;
    check_sandbox(app, &scope).await?;
    if device.provider == Provider::Sandbox { Ok(device) } else { Err(sandbox::not_virtual(id)) }
}

async fn check_sandbox(app: &App, scope: &Scope) -> Outcome<()> {
    if app.is_sandbox(scope.workspace()).await? {
        return Ok(());
    }
    Err(Failure::new(ErrorType::WorkspaceNotSandbox, "Simulations are possible in sandbox workspaces only"))
}

/// `/connected_accounts/simulate/disconnect`
pub(crate) async fn disconnect_account(app: App, call: Call, params: SimulateAccountDisconnection) -> Outcome<()> {
    let scope = call.caller.scope()?;
    let id: AccountId = params.connected_account_id.0.into();
    let account = connected_accounts::find(&app, &scope, id).await?;
    check_sandbox(&app, &scope).await?;
    if account.provider != Provider::Sandbox {
        let message = "This connected account is that of a real hub";
        return Err(Failure::new(ErrorType::DeviceTypeNotSupported, message).with_data("connected_account_id", id));
    }
    if is_refused(&account) {
        return Ok(());
    }
    app.sandbox().refuse(id);
    let shows = async {
        while !is_refused(&connected_accounts::find(&app, &scope, id).await?) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok::<(), Failure>(app.engine().caught_up(id, UNTIL_IT_SHOWS).await?)
    };
    tokio::time::timeout(UNTIL_IT_SHOWS, shows).await.unwrap_or(Ok(()))
}

const fn is_refused(account: &Account) -> bool {
    matches!(account.link, LinkState::Down { trouble: LinkTrouble::CredentialsRefused, .. })
}
