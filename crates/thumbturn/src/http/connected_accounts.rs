//! Connected accounts: reads, connecting a hub, forgetting one.

use std::collections::HashSet;

use thumbturn_api::connected_accounts::{
    AcceptedCapability, ConnectHub, ConnectedAccount, DeleteConnectedAccount, GetConnectedAccount,
    ListConnectedAccounts, SyncConnectedAccount, UpdateConnectedAccount,
};
use thumbturn_api::{ErrorType, Page, Text};
use thumbturn_core::accounts::{Account, AccountEdit};
use thumbturn_core::ids::AccountId;
use thumbturn_core::ports::CommitError;
use thumbturn_core::scope::Scope;
use thumbturn_store::{AccountFilter, PageRequest};

use super::call::Call;
use super::errors::{Failure, Outcome, account_not_found};
use super::{cursors, devices, to_wire};
use crate::app::App;

/// The account, if it is in scope.
pub(crate) async fn find(app: &App, scope: &Scope, id: AccountId) -> Outcome<Account> {
    app.store().account(scope, id).await?.ok_or_else(|| account_not_found(id))
}

/// `/connected_accounts/get`. No account has an e-mail address here, so looking one up by it finds none.
pub(crate) async fn get(app: App, call: Call, params: GetConnectedAccount) -> Outcome<ConnectedAccount> {
    let Some(id) = params.connected_account_id else {
        return Err(Failure::new(ErrorType::ConnectedAccountNotFound, "Connected account not found"));
    };
    let account = app.store().account(&call.caller.scope()?, id.0.into()).await?;
    account.as_ref().map(to_wire::connected_account).ok_or_else(|| account_not_found(id.0.into()))
}

/// These accounts, each once.
///
/// # Errors
/// 404 if one of them is not in scope.
pub(crate) async fn known(
    app: &App,
    scope: &Scope,
    asked: impl IntoIterator<Item = AccountId>,
) -> Outcome<Vec<AccountId>> {
    let mut seen = HashSet::new();
    let asked: Vec<AccountId> = asked.into_iter().filter(|id| seen.insert(*id)).collect();
    if asked.is_empty() {
        return Ok(asked);
    }
    let filter = AccountFilter { ids: Some(asked.clone()), ..AccountFilter::default() };
    let found = app.store().accounts(scope, &filter, PageRequest::first(asked.len())).await?;
    let found: HashSet<AccountId> = found.items.iter().map(|account| account.id).collect();
    match asked.iter().find(|id| !found.contains(id)) {
        Some(unknown) => Err(account_not_found(*unknown)),
        None => Ok(asked),
    }
}

/// `/connected_accounts/list`
pub(crate) async fn list(app: App, call: Call, params: ListConnectedAccounts) -> Outcome<Page<ConnectedAccount>> {
    let after = cursors::read::<ListConnectedAccounts>(&call.input, &params.page_cursor)?;
    let filter = AccountFilter {
        ids: None,
        customer_key: params.customer_key.map(Text::into_string),
        user_identifier_key: params.user_identifier_key.map(Text::into_string),
        spaces: params.space_id.map(|id| vec![id.0.into()]),
        metadata: devices::wanted(params.custom_metadata_has),
        search: params.search.map(Text::into_string),
    };
    let page = PageRequest { limit: app.page_limit(params.limit), after };
    let found = app.store().accounts(&call.caller.scope()?, &filter, page).await?;
    Ok(Page {
        items: found.items.iter().map(to_wire::connected_account).collect(),
        pagination: cursors::pagination::<ListConnectedAccounts>(app.public_url(), &call.input, found.next.as_ref()),
    })
}

/// `/connected_accounts/update`
pub(crate) async fn update(app: App, call: Call, params: UpdateConnectedAccount) -> Outcome<ConnectedAccount> {
    let scope = call.caller.scope()?;
    let id: AccountId = params.connected_account_id.0.into();
    let found = async || find(&app, &scope, id).await;
    found().await?;
    match app.engine().edit_account(id, edit(params)?).await {
        Err(CommitError::Conflict(_)) => {
            let account = found().await?;
            let message = "The connected account belongs to another customer already";
            return Err(Failure::new(ErrorType::CustomerKeyAlreadySet, message)
                .with_data("customer_key", account.customer_key.unwrap_or_default()));
        }
        other => other?,
    }
    Ok(to_wire::connected_account(&found().await?))
}

fn edit(params: UpdateConnectedAccount) -> Outcome<AccountEdit> {
    let is_locks = |kinds: Vec<AcceptedCapability>| kinds.iter().all(|kind| *kind == AcceptedCapability::Lock);
    if params.accepted_capabilities.is_some_and(|kinds| kinds.is_empty() || !is_locks(kinds)) {
        let message = "Accounts take in locks and nothing else yet: accepted_capabilities can only be [\"lock\"]";
        return Err(Failure::new(ErrorType::NotImplemented, message));
    }
    Ok(AccountEdit {
        display_name: params.display_name.map(Text::into_string),
        custom_metadata: params.custom_metadata.map(|pairs| devices::merged("{}", &pairs)).transpose()?,
        customer_key: params.customer_key.map(Text::into_string),
        manages_new_devices: params.automatically_manage_new_devices,
    })
}

/// `/connected_accounts/delete`
pub(crate) async fn delete(app: App, call: Call, params: DeleteConnectedAccount) -> Outcome<()> {
    let id: AccountId = params.connected_account_id.0.into();
    let account = find(&app, &call.caller.scope()?, id).await?;
    app.hubs().forget(&account).await?;
    Ok(())
}

/// `/connected_accounts/sync`
pub(crate) async fn sync(app: App, call: Call, params: SyncConnectedAccount) -> Outcome<()> {
    let id: AccountId = params.connected_account_id.0.into();
    find(&app, &call.caller.scope()?, id).await?;
    app.engine().sync_account(id).await;
    Ok(())
}

/// `/thumbturn/connected_accounts/create`
pub(crate) async fn create(app: App, call: Call, params: ConnectHub) -> Outcome<ConnectedAccount> {
    let account = app.hubs().connect(call.caller.scope()?.workspace(), params).await?;
    Ok(to_wire::connected_account(&account))
}
