//! `thumbturn hubs`: words and flags, and what is printed.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use thumbturn_api::connected_accounts::Provider;
use thumbturn_api::{JsonObject, Secret};
use thumbturn_core::hub::Engine;
use thumbturn_store::Role;
use uuid::Uuid;

use super::{CliError, Place, now, open_existing, print, printable};
use crate::admin::{self, AdminError};
use crate::clock::SystemClock;
use crate::hubs::{HubState, HubView, Hubs, HubsRequest};

#[derive(Debug, Args)]
pub(super) struct HubsArgs {
    #[command(subcommand)]
    command: HubsCommand,
    #[command(flatten)]
    place: Place,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum HubsCommand {
    /// Connect a hub. Its locks appear by themselves.
    Add(HubsAddArgs),
    /// List hubs, without how to log in there.
    List,
    /// Forget a hub and its devices. The hardware is not touched.
    Remove {
        /// The id of its connected account, as `list` shows it.
        hub: Uuid,
    },
}

#[derive(Args)]
struct HubsAddArgs {
    /// The workspace it is for. May be left out where there is only one.
    #[arg(long, value_name = "ID")]
    workspace: Option<Uuid>,
    /// The kind of hub.
    #[arg(long, value_parser = PossibleValuesParser::new(Provider::WORDS))]
    provider: String,
    /// Where the hub is and how to log in there, such as `{"url": "mqtt://192.168.1.10:1883"}`. Other people on this
    /// machine may see it: what holds a password belongs into --hub-config-file.
    #[arg(long, value_name = "JSON", conflicts_with = "hub_config_file")]
    hub_config: Option<String>,
    /// A file with the same; `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    hub_config_file: Option<PathBuf>,
    /// A name for people.
    #[arg(long)]
    name: Option<String>,
}

/// What is shown here holds no password.
impl std::fmt::Debug for HubsAddArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubsAddArgs").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// Carries a request about hubs out and prints what it answered.
pub(super) async fn run(args: HubsArgs) -> Result<(), CliError> {
    let config = args.place.settings(None)?;
    let request = match args.command {
        HubsCommand::Add(args) => {
            HubsRequest::Add { workspace: args.workspace, hub: Secret::new(hub_parameters(args)?) }
        }
        HubsCommand::List => HubsRequest::List,
        HubsCommand::Remove { hub } => HubsRequest::Remove { hub },
    };
    let found = match admin::hubs(&config.admin_socket(), &request).await {
        Err(AdminError::NotRunning) => {
            // A server somewhere else would not hear of what changes.
            let role = if matches!(request, HubsRequest::List) { Role::Visitor } else { Role::Server };
            let store = open_existing(&config, role)?;
            // The session of a new hub is opened by the next start.
            let engine = Engine::at_rest(Arc::new(store.clone()), Arc::new(SystemClock::start()));
            let hubs = Hubs { store: &store, engine: &engine, now: now() };
            let found = hubs.carry_out(request).await?;
            store.close().await;
            found
        }
        answer => answer?,
    };
    print(&if args.json { serde_json::to_string_pretty(&found)? + "\n" } else { table(&found) })
}

/// The parameters that the API takes for the same.
fn hub_parameters(args: HubsAddArgs) -> Result<JsonObject, CliError> {
    let mut parameters = JsonObject::from_iter([("provider".to_owned(), json!(args.provider))]);
    let config = match args.hub_config_file {
        Some(file) => Some(hub_config(&file).map_err(|error| CliError::HubConfigFile(file, error))?),
        None => args.hub_config,
    };
    if let Some(config) = config {
        let config: Value = serde_json::from_str(&config).map_err(CliError::HubConfig)?;
        parameters.insert("config".to_owned(), config);
    }
    if let Some(name) = args.name {
        parameters.insert("display_name".to_owned(), json!(name));
    }
    Ok(parameters)
}

fn hub_config(file: &Path) -> io::Result<String> {
    if file != Path::new("-") {
        return std::fs::read_to_string(file);
    }
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}

fn table(hubs: &[HubView]) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "{:<38}{:<10}{:<13}{:<9}{:<38}{}\n",
        "CONNECTED ACCOUNT ID", "PROVIDER", "STATE", "DEVICES", "WORKSPACE", "NAME"
    );
    for hub in hubs {
        let state = hub.state.map_or("not running", HubState::as_str);
        let elsewhere = hub.address.as_ref().filter(|address| !hub.display_name.contains(*address));
        let address = elsewhere.map_or_else(String::new, |address| format!(" ({address})"));
        let _ = writeln!(
            text,
            "{:<38}{:<10}{state:<13}{:<9}{:<38}{}",
            hub.connected_account_id.to_string(),
            hub.provider,
            hub.devices,
            hub.workspace_id.to_string(),
            printable(&(hub.display_name.clone() + &address))
        );
    }
    for hub in hubs {
        if let Some(problem) = &hub.problem {
            let _ = writeln!(text, "\n{}: {}", printable(&hub.display_name), printable(problem));
        }
        if hub.state == Some(HubState::Removed) {
            let devices = if hub.devices == 1 { "device" } else { "devices" };
            let _ = writeln!(text, "\nRemoved, with {} {devices}. The hardware was left as it is.", hub.devices);
        }
    }
    text
}
