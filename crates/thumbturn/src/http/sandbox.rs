//! Virtual locks: their physical truth, their faults, and a hand at the door.

use thumbturn_api::sandbox::{
    ActOnSandboxLock, BoltState, FaultTimes, GetSandboxLock, MotorState, SandboxAction, SandboxFaults,
    SandboxFaultsUpdate, SandboxLock, SetSandboxLock,
};
use thumbturn_api::sandbox_script::{SandboxScript, SandboxStep, SandboxStepFault, SandboxStepFields, SandboxThen};
use thumbturn_api::{ErrorType, Nullable};
use thumbturn_core::accounts::Provider;
use thumbturn_core::devices::Device;
use thumbturn_core::ids::DeviceId;
use thumbturn_core::locks::Bolt;
use thumbturn_drivers::sandbox::{
    Act, Faults, FaultsPatch, MotorState as Motor, Patch, Physical, Position, Profile, SandboxError, Step, StepFault,
    Then, Times,
};

use super::call::Call;
use super::devices;
use super::errors::{Failure, Outcome};
use crate::app::App;

/// `/thumbturn/sandbox/locks/get`
pub(crate) async fn get(app: App, call: Call, params: GetSandboxLock) -> Outcome<SandboxLock> {
    let device = virtual_lock(&app, &call, params.device_id.0.into()).await?;
    let physical = app.sandbox().get(device.account, &device.about.native).ok_or_else(|| not_virtual(device.id))?;
    shown(&app, &device, &physical).await
}

/// `/thumbturn/sandbox/locks/set`
pub(crate) async fn set(app: App, call: Call, params: SetSandboxLock) -> Outcome<SandboxLock> {
    let device = virtual_lock(&app, &call, params.device_id.0.into()).await?;
    let rate_limited = params.rate_limited;
    let patch = patch(params)?;
    let physical =
        app.sandbox().set(device.account, &device.about.native, &patch).map_err(|error| refused(error, device.id))?;
    if let Some(rate_limited) = rate_limited {
        app.store().limit_like_real(device.id, rate_limited).await?;
    }
    shown(&app, &device, &physical).await
}

/// `/thumbturn/sandbox/locks/act`
pub(crate) async fn act(app: App, call: Call, params: ActOnSandboxLock) -> Outcome<SandboxLock> {
    let device = virtual_lock(&app, &call, params.device_id.0.into()).await?;
    if params.action == SandboxAction::RestartHub {
        app.sandbox().restart(device.account);
        let physical = app.sandbox().get(device.account, &device.about.native).ok_or_else(|| not_virtual(device.id))?;
        return shown(&app, &device, &physical).await;
    }
    let code = params.code.map(thumbturn_api::Secret::into_exposed);
    let act = Act::from_words(params.action.as_str(), code.as_deref())
        .map_err(|problem| Failure::invalid_parameter("code", problem.to_string()))?;
    let physical =
        app.sandbox().act(device.account, &device.about.native, &act).map_err(|error| refused(error, device.id))?;
    shown(&app, &device, &physical).await
}

async fn virtual_lock(app: &App, call: &Call, id: DeviceId) -> Outcome<Device> {
    let scope = call.caller.scope()?;
    let device = devices::any(app, &scope, id).await?;
    if device.provider == Provider::Sandbox { Ok(device) } else { Err(not_virtual(id)) }
}

/// What a device that is no virtual lock answers.
pub(crate) fn not_virtual(id: DeviceId) -> Failure {
    Failure::new(ErrorType::DeviceTypeNotSupported, "This device is not a virtual lock").with_data("device_id", id)
}

/// What a virtual lock without a keypad answers.
pub(crate) fn no_keypad(id: DeviceId) -> Failure {
    Failure::new(ErrorType::DeviceTypeNotSupported, "This lock has no keypad").with_data("device_id", id)
}

/// What a virtual lock that could not be touched answers.
pub(crate) fn refused(error: SandboxError, id: DeviceId) -> Failure {
    match error {
        SandboxError::UnknownLock => not_virtual(id),
        SandboxError::NoKeypad => no_keypad(id),
        SandboxError::OutOfRange(problem) => Failure::invalid_parameter(problem.field, problem.problem),
        SandboxError::Busy => Failure::unavailable("The virtual hub is busy. Try again shortly."),
    }
}

fn patch(params: SetSandboxLock) -> Outcome<Patch> {
    let profile = match params.profile {
        Some(word) => {
            Some(Profile::from_word(&word).map_err(|error| Failure::invalid_parameter("profile", error.to_string()))?)
        }
        None => None,
    };
    Ok(Patch {
        latency_ms: params.latency_ms.map(|ms| ms.get().unsigned_abs()),
        jitter_ms: params.jitter_ms.map(|ms| ms.get().unsigned_abs()),
        battery_level: params.battery_level.map(thumbturn_api::Fraction::get),
        relock_after_s: match params.relock_after_s {
            Nullable::Absent => None,
            Nullable::Null => Some(0),
            Nullable::Value(seconds) => Some(seconds.get().unsigned_abs()),
        },
        profile,
        faults: params.faults.map(|faults| faults_patch(faults.0)).unwrap_or_default(),
        script: params.script.map(script),
    })
}

fn faults_patch(faults: SandboxFaultsUpdate) -> FaultsPatch {
    FaultsPatch {
        refuse: faults.refuse.map(times),
        privacy: faults.privacy.map(times),
        lie: faults.lie.map(times),
        ignore: faults.ignore.map(times),
        obstruct: faults.obstruct.map(times),
        jam: faults.jam.map(times),
        mute: faults.mute.map(times),
        stale: faults.stale.map(times),
        offline: faults.offline.map(times),
        repeat_after_ms: faults.repeat_after_ms.map(|ms| ms.get().unsigned_abs()),
        busy_ms: faults.busy_ms.map(|ms| ms.get().unsigned_abs()),
    }
}

const fn times(wire: FaultTimes) -> Times {
    match wire {
        FaultTimes::Never => Times::Off,
        FaultTimes::Count(count) => Times::Next(count),
        FaultTimes::Always => Times::Always,
    }
}

const fn times_shown(times: Times) -> FaultTimes {
    match times {
        Times::Off => FaultTimes::Never,
        Times::Next(count) => FaultTimes::Count(count),
        Times::Always => FaultTimes::Always,
    }
}

async fn shown(app: &App, device: &Device, physical: &Physical) -> Outcome<SandboxLock> {
    let rate_limited = app.store().route(device.id).await?.is_some_and(|route| route.is_limited_like_real);
    let settings = &physical.settings;
    Ok(SandboxLock {
        device_id: device.id.0.into(),
        bolt: match physical.bolt {
            Position::Locked => BoltState::Locked,
            Position::Unlocked => BoltState::Unlocked,
            Position::Jammed => BoltState::Jammed,
        },
        moves: physical.moves,
        commands: physical.commands,
        motor: match physical.motor {
            Motor::Idle => MotorState::Idle,
            Motor::Moving => MotorState::Moving,
        },
        battery_level: physical.battery_level,
        powered: physical.powered,
        codes: physical.codes.iter().map(|code| code.slot).collect(),
        latency_ms: settings.latency_ms,
        jitter_ms: settings.jitter_ms,
        relock_after_s: (settings.relock_after_s > 0).then_some(settings.relock_after_s),
        rate_limited,
        profile: settings.profile.map_or("custom", Profile::as_str).to_owned(),
        faults: faults_shown(&settings.faults),
        script: physical.script.iter().map(step_shown).collect(),
    })
}

fn script(given: SandboxScript) -> Vec<Step> {
    given.into_vec().into_iter().map(|step| step_given(step.0)).collect()
}

fn step_given(given: SandboxStepFields) -> Step {
    Step {
        fault: given.fault.and_then(step_fault),
        then: given.then.map(|then| match then {
            SandboxThen::TurnLock => Then::Turn(Bolt::Locked),
            SandboxThen::TurnUnlock => Then::Turn(Bolt::Unlocked),
            SandboxThen::PowerOff => Then::PowerOff,
            SandboxThen::PowerOn => Then::PowerOn,
        }),
        battery_level: given.battery_level.map(thumbturn_api::Fraction::get),
        after_ms: given.after_ms.map_or(0, |ms| ms.get().unsigned_abs()),
    }
}

const fn step_fault(wire: SandboxStepFault) -> Option<StepFault> {
    Some(match wire {
        SandboxStepFault::Obey => return None,
        SandboxStepFault::Refuse => StepFault::Refuse,
        SandboxStepFault::Privacy => StepFault::Privacy,
        SandboxStepFault::Lie => StepFault::Lie,
        SandboxStepFault::Ignore => StepFault::Ignore,
        SandboxStepFault::Obstruct => StepFault::Obstruct,
        SandboxStepFault::Jam => StepFault::Jam,
        SandboxStepFault::Mute => StepFault::Mute,
        SandboxStepFault::Stale => StepFault::Stale,
        SandboxStepFault::Offline => StepFault::Offline,
    })
}

fn step_shown(step: &Step) -> SandboxStep {
    let is_timed = step.then.is_some() || step.battery_level.is_some();
    SandboxStep {
        fault: SandboxStepFault::ALL
            .iter()
            .copied()
            .find(|wire| step_fault(*wire) == step.fault)
            .unwrap_or(SandboxStepFault::Obey),
        then: step.then.map(|then| match then {
            Then::Turn(Bolt::Locked) => SandboxThen::TurnLock,
            Then::Turn(Bolt::Unlocked) => SandboxThen::TurnUnlock,
            Then::PowerOff => SandboxThen::PowerOff,
            Then::PowerOn => SandboxThen::PowerOn,
        }),
        battery_level: step.battery_level,
        after_ms: is_timed.then_some(step.after_ms),
    }
}

fn faults_shown(faults: &Faults) -> SandboxFaults {
    SandboxFaults {
        jam: times_shown(faults.jam),
        obstruct: times_shown(faults.obstruct),
        ignore: times_shown(faults.ignore),
        lie: times_shown(faults.lie),
        mute: times_shown(faults.mute),
        stale: times_shown(faults.stale),
        repeat_after_ms: faults.repeat_after_ms,
        busy_ms: faults.busy_ms,
        offline: times_shown(faults.offline),
        refuse: times_shown(faults.refuse),
        privacy: times_shown(faults.privacy),
    }
}
