//! What each [`Change`] writes, planned without touching the database. The statements are with their nouns.

use thumbturn_core::change::{Change, NewWorkspace, Reset, SetUp};
use thumbturn_core::events::Event;
use thumbturn_core::ids::NodeId;
use thumbturn_core::nodes::{Channel, end_word};
use thumbturn_core::ports::StoreError;

use crate::caches::Stale;
use crate::secrets::Secrets;
use crate::statement::Statement;
use crate::writer::Plan;
use crate::{
    accounts, attempts, credentials, devices, events, kept_calls, sessions, spaces, user_identities, versions,
    webhooks, workspaces,
};

/// What `change` writes, and what it makes stale; for a node, if one wants it.
pub(crate) fn plan(change: Change, by: Option<NodeId>, secrets: &Secrets) -> Result<Plan, StoreError> {
    let plan = plan_unfenced(change, by, secrets)?;
    Ok(Plan { by, ..plan })
}

fn plan_unfenced(change: Change, by: Option<NodeId>, secrets: &Secrets) -> Result<Plan, StoreError> {
    match change {
        Change::SetUp(set_up) => plan_set_up(&set_up, secrets),
        Change::WorkspaceCreated(new) => plan_workspace(&new, secrets),
        Change::WorkspaceChanged(workspace) => {
            Ok(Plan::new(vec![workspaces::change(&workspace)], vec![Stale::Workspace(workspace.id)]))
        }
        Change::AcceptAttempt { attempt, claim } => Ok(fresh(attempts::accept(&attempt, claim.as_ref(), by, secrets))),
        Change::AttemptLeft { attempt, command, claim, queue } => {
            let statements = attempts::leave(&attempt, &command, claim.as_ref(), queue, secrets)?;
            Ok(Plan { news: vec![(Channel::Attempts, attempt.id.to_string())], ..fresh(statements) })
        }
        Change::AttemptTaken { attempt, by } => Ok(fresh(vec![attempts::take(attempt, by)])),
        Change::FinishAttempt { attempt, outcome, ended_at, evidence, is_awaited_elsewhere, state, events } => {
            let mut statements = vec![attempts::finish(attempt, &outcome, ended_at, &evidence, secrets)?];
            let mut stale = Vec::new();
            if let Some((device, state)) = &state {
                statements.push(devices::write_state(*device, state));
                stale.push(Stale::Removal(*device, state.reach.is_removed()));
            }
            let plan = with_events(statements, stale, &events)?;
            let word = is_awaited_elsewhere.then(|| (Channel::Ended, end_word(attempt, &outcome)));
            Ok(Plan { news: word.into_iter().collect(), ..plan })
        }
        Change::DeviceChanged { device, state, events } => {
            let stale = Stale::Removal(device, state.reach.is_removed());
            with_events(vec![devices::must_write_state(device, &state)], vec![stale], &events)
        }
        // They are new, and the caches remember no absence.
        Change::DevicesFound { devices, events } => {
            with_events(devices.iter().map(devices::upsert).collect(), Vec::new(), &events)
        }
        Change::DeviceSeen { device, events } => {
            with_events(vec![devices::upsert(&device)], vec![Stale::Route(device.id)], &events)
        }
        Change::DeviceEdited { device, before, after, events } => {
            with_events(vec![devices::edit(device, before, after)], vec![Stale::Route(device)], &events)
        }
        Change::TimeZonesTold(told) => {
            Ok(fresh(told.iter().map(|(device, time_zone)| devices::tell_time_zone(*device, time_zone)).collect()))
        }
        Change::AccountCreated { account, events } => {
            with_events(vec![accounts::insert(&account, secrets)?], Vec::new(), &events)
        }
        Change::AccountEdited { account, edit } => Ok(Plan::new(vec![accounts::edit(account, &edit)], Vec::new())),
        Change::AccountLink { account, link, first_sync_done, events } => {
            with_events(vec![accounts::write_link(account, &link, first_sync_done)], Vec::new(), &events)
        }
        Change::AccountDeleted { account, events } => {
            with_events(accounts::delete(account), vec![Stale::Account(account)], &events)
        }
        Change::DeviceDeleted { device, events } => {
            with_events(devices::delete(device), vec![Stale::Device(device)], &events)
        }
        Change::WorkspaceReset(reset) => plan_reset(&reset, secrets),
        Change::SessionCreated(session) => Ok(fresh(sessions::insert(&session, secrets)?)),
        Change::SessionChanged { session, accounts, identity, expires_at } => {
            Ok(Plan::new(sessions::change(session, &accounts, identity, expires_at), vec![Stale::Session(session)]))
        }
        Change::SessionRetired(session) => {
            Ok(Plan::new(vec![sessions::retire(session)], vec![Stale::Session(session)]))
        }
        Change::SessionRevoked { session, at, events } => {
            with_events(vec![sessions::revoke(session, at)], vec![Stale::Session(session)], &events)
        }
        Change::SessionDeleted { session, events } => {
            with_events(sessions::delete(session), vec![Stale::Session(session)], &events)
        }
        Change::CallClaimed(call) => Ok(fresh(kept_calls::claim(&call))),
        Change::CallAnswered { call, answer } => Ok(fresh(vec![kept_calls::answer(&call, &answer.0, secrets)?])),
        Change::CallReleased(call) => Ok(fresh(vec![kept_calls::release(call)])),
        Change::Over { read, change } => {
            let mut plan = plan(*change, by, secrets)?;
            plan.statements.splice(0..0, read.iter().map(versions::still));
            Ok(plan)
        }
        Change::SpaceCreated { space, members, events } => {
            with_events(spaces::insert(&space, &members), Vec::new(), &events)
        }
        Change::SpaceChanged { space, edit, joined, left, events } => {
            with_events(spaces::change(space, &edit, &joined, &left), Vec::new(), &events)
        }
        Change::SpaceDeleted { space, events } => with_events(vec![spaces::delete(space)], Vec::new(), &events),
        Change::IdentityCreated(identity) => Ok(fresh(vec![user_identities::insert(&identity)])),
        Change::IdentityChanged(identity) => Ok(fresh(vec![user_identities::change(&identity)])),
        Change::IdentityDeleted { identity, sessions, events } => {
            let stale = sessions.iter().copied().map(Stale::Session).collect();
            with_events(user_identities::delete(identity, &sessions), stale, &events)
        }
        Change::IdentitiesMerged { into, merged } => {
            let stale = merged.iter().copied().chain([into.id]).map(Stale::Identity).collect();
            Ok(Plan::new(user_identities::merge(&into, &merged), stale))
        }
        Change::DeviceGranted { identity, device, at } => {
            Ok(Plan::new(vec![user_identities::grant(identity, device, at)], vec![Stale::Identity(identity)]))
        }
        Change::DeviceRevoked { identity, device } => {
            Ok(Plan::new(vec![user_identities::revoke(identity, device)], vec![Stale::Identity(identity)]))
        }
        Change::WebhookCreated(webhook) => Ok(fresh(vec![webhooks::insert(&webhook, secrets)?])),
        Change::WebhookChanged { webhook, event_types } => Ok(fresh(vec![webhooks::change(webhook, &event_types)?])),
        Change::WebhookEnabled { webhook, from } => Ok(fresh(vec![webhooks::enable(webhook, from)])),
        Change::WebhookRotated { webhook, secret, until } => {
            Ok(fresh(vec![webhooks::rotate(webhook, &secret, until, secrets)?]))
        }
        Change::WebhookDeleted(webhook) => Ok(fresh(vec![webhooks::delete(webhook)])),
        Change::KeyCreated { key, shown } => {
            let mut statements = vec![credentials::insert(&key)];
            let workspace = key.workspace.filter(|_| shown.is_some());
            statements.extend(workspace.map(|workspace| workspaces::show_key(workspace, shown)));
            Ok(Plan::new(statements, workspace.map(Stale::Workspace).into_iter().collect()))
        }
        Change::KeyRevoked { key, at } => Ok(Plan::new(
            vec![credentials::revoke(key, at), workspaces::hide_key(key)],
            vec![Stale::Key(key), Stale::Workspaces],
        )),
    }
}

/// A plan that makes no cached row stale: what it changes is not cached, or new, and the caches remember no absence.
const fn fresh(statements: Vec<Statement>) -> Plan {
    Plan::new(statements, Vec::new())
}

fn with_events(mut statements: Vec<Statement>, mut stale: Vec<Stale>, events: &[Event]) -> Result<Plan, StoreError> {
    for event in events {
        statements.push(events::insert(event)?);
        let told = Stale::Events(event.workspace);
        if stale.last() != Some(&told) {
            stale.push(told);
        }
    }
    Ok(Plan::new(statements, stale))
}

fn plan_set_up(set_up: &SetUp, secrets: &Secrets) -> Result<Plan, StoreError> {
    let mut statements = vec![
        workspaces::claim_set_up(set_up.workspace.id),
        workspaces::insert_operator(set_up.operator, set_up.workspace.created_at),
        workspaces::insert(&set_up.workspace),
    ];
    statements.extend(set_up.keys.iter().map(credentials::insert));
    statements.push(accounts::insert(&set_up.account, secrets)?);
    statements.extend(set_up.devices.iter().map(devices::upsert));
    with_events(statements, Vec::new(), &set_up.events)
}

fn plan_workspace(new: &NewWorkspace, secrets: &Secrets) -> Result<Plan, StoreError> {
    let mut statements = vec![workspaces::insert(&new.workspace)];
    statements.extend(new.keys.iter().map(credentials::insert));
    if let Some(account) = &new.account {
        statements.push(accounts::insert(account, secrets)?);
    }
    statements.extend(new.devices.iter().map(devices::upsert));
    with_events(statements, Vec::new(), &new.events)
}

fn plan_reset(reset: &Reset, secrets: &Secrets) -> Result<Plan, StoreError> {
    let attempt = &reset.attempt;
    let mut statements = workspaces::empty(attempt.workspace, reset.call);
    statements.push(attempts::insert(attempt));
    if let Some(outcome) = &attempt.outcome {
        statements.push(attempts::finish_at_once(attempt.id, outcome, attempt.created_at));
    }
    if let Some(account) = &reset.account {
        statements.push(accounts::insert(account, secrets)?);
    }
    statements.extend(reset.devices.iter().map(devices::upsert));
    with_events(statements, vec![Stale::Tenant(attempt.workspace)], &reset.events)
}
