//! The command line: words and flags, and what each command prints.

mod hubs;
mod migrate_store;
mod webhooks;

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use thumbturn_api::Secret;
use thumbturn_store::{MoveError, OpenError, OpenOptions, Role, Store};
use uuid::Uuid;

use crate::admin::{self, AdminError};
use crate::clock::SystemClock;
use crate::config::{self, Config, ConfigError, Flags};
use crate::hubs::HubsError;
use crate::keys::{self, KeyView, KeysError, KeysRequest, Kind};
use crate::logging;
use crate::serve::{self, ServeError};
use crate::setup::{self, Installation, SetUpError};
use crate::webhooks::operators::WebhooksRequestError;
use crate::workspaces::{self, WorkspaceView, WorkspacesError, WorkspacesRequest};

/// A self-hosted smart-lock API that official Seam clients can use unchanged.
#[derive(Debug, Parser)]
#[command(name = "thumbturn", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API. On an empty data directory: set it up first, and print how to unlock the first lock.
    Serve(ServeArgs),
    /// Set the data directory up without serving.
    Init(InitArgs),
    /// Make, list and revoke API keys, personal access tokens and publishable keys; also beside a running server.
    Keys(KeysArgs),
    /// Make and list workspaces; also beside a running server.
    Workspaces(WorkspacesArgs),
    /// Connect, list and forget hubs; also beside a running server.
    Hubs(hubs::HubsArgs),
    /// List and enable webhooks, show their deliveries and send them again; also beside a running server.
    Webhooks(webhooks::WebhooksArgs),
    /// Move everything from SQLite to an empty PostgreSQL database, while no server runs.
    MigrateStore(migrate_store::MigrateStoreArgs),
    /// Print every setting with its default.
    DefaultConfig,
}

#[derive(Debug, Args)]
struct Place {
    /// Where the database, the key file and the admin socket are [default: ./thumbturn-data].
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// A PostgreSQL database, postgres://user@host/database?sslmode=verify-full. Other people on this machine may see it:
    /// one with a password belongs into THUMBTURN_DATABASE_URL or the settings file.
    #[arg(long, value_name = "URL", global = true)]
    database_url: Option<String>,
    /// A TOML file with settings; `thumbturn default-config` prints one.
    #[arg(long, value_name = "FILE", global = true, env = "THUMBTURN_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    place: Place,
    /// Address and port to serve on [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
}

#[derive(Debug, Args)]
struct InitArgs {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
    #[command(flatten)]
    place: Place,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key. Its token is printed once and never again.
    Create {
        /// Which kind.
        #[arg(long, value_enum, default_value = "api_key")]
        kind: Kind,
        /// A name for people.
        #[arg(long, default_value = "")]
        name: String,
        /// The workspace it opens. May be left out where there is only one; a personal access token without it opens
        /// every workspace.
        #[arg(long, value_name = "ID")]
        workspace: Option<Uuid>,
    },
    /// List keys, without their secrets.
    List,
    /// Revoke a key. It stops working at once.
    Revoke {
        /// Its id, or the short part of its token as `list` shows it.
        key: String,
    },
}

#[derive(Debug, Args)]
struct WorkspacesArgs {
    #[command(subcommand)]
    command: WorkspacesCommand,
    #[command(flatten)]
    place: Place,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum WorkspacesCommand {
    /// Make a workspace. `thumbturn keys create --workspace ID` makes a key for it.
    Create {
        /// Its name.
        #[arg(long)]
        name: String,
        /// With five virtual locks, and simulations allowed.
        #[arg(long)]
        sandbox: bool,
    },
    /// List workspaces.
    List,
}

/// Why a command did not succeed. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The first start.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// Serving.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Workspaces.
    #[error(transparent)]
    Workspaces(#[from] WorkspacesError),
    /// Hubs.
    #[error(transparent)]
    Hubs(#[from] HubsError),
    /// Webhooks.
    #[error(transparent)]
    Webhooks(#[from] WebhooksRequestError),
    /// A hub's settings, before anybody looked at what they say.
    #[error("the hub's settings are not JSON: {0}")]
    HubConfig(#[source] serde_json::Error),
    /// A hub's settings.
    #[error("cannot read the hub's settings from {0}: {1}")]
    HubConfigFile(PathBuf, #[source] io::Error),
    /// The running server.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Moving to PostgreSQL.
    #[error(transparent)]
    Move(#[from] MoveError),
    /// Moving from something else than SQLite. (Not the whole of it: it may hold a password.)
    #[error(
        "--from {0}://… is not where a SQLite database is: wanted is a data directory, its thumbturn.db, or \
         sqlite:///path/to/thumbturn.db"
    )]
    NoSource(String),
    /// Moving to nowhere.
    #[error(
        "there is no database to move to: set THUMBTURN_DATABASE_URL (or database_url in the settings, or --to) to \
         postgres://user:password@host:5432/database?sslmode=verify-full"
    )]
    NoTarget,
    /// No database.
    #[error("nothing is set up in {0}; `thumbturn init` or `thumbturn serve` does that")]
    NothingThere(PathBuf),
    /// Standard output.
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
    /// JSON for standard output.
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
}

impl Cli {
    /// Carries the command out.
    ///
    /// # Errors
    /// [`CliError`]
    pub async fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::Serve(args) => {
                let config = args.place.settings(args.listen)?;
                serve::run(config).await?;
                Ok(())
            }
            Command::Init(args) => init(&args).await,
            Command::Keys(args) => keys(args).await,
            Command::Workspaces(args) => workspaces(args).await,
            Command::Hubs(args) => hubs::run(args).await,
            Command::Webhooks(args) => webhooks::run(args).await,
            Command::MigrateStore(args) => migrate_store::run(args).await,
            Command::DefaultConfig => print(config::DEFAULTS),
        }
    }
}

impl Place {
    /// Reads the settings, and starts the log as they say.
    fn settings(&self, listen: Option<String>) -> Result<Config, ConfigError> {
        let flags = Flags {
            config: self.config.clone(),
            listen,
            data_dir: self.data_dir.clone(),
            database_url: self.database_url.clone(),
        };
        let config = Config::load(&flags, config::variables()?.into_iter())?;
        logging::start(&config.log)?;
        Ok(config)
    }
}

/// Opens the store of these settings. It blocks until a PostgreSQL has answered.
///
/// # Errors
/// [`OpenError`], also if another process has it open.
pub fn open_store(config: &Config, role: Role) -> Result<Store, OpenError> {
    thumbturn_store::open(OpenOptions { role, ..store_options(config) })
}

/// How to open the store of these settings.
pub(crate) fn store_options(config: &Config) -> OpenOptions {
    OpenOptions {
        key_file: Some(config.key_file()),
        database_url: config.postgres().map(str::to_owned),
        readers: config.database.readers,
        ..OpenOptions::new(&config.data_dir)
    }
}

/// Prints what a command has found. Nobody has to read it to its end: `thumbturn keys list | head -1`.
fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

fn now() -> jiff::Timestamp {
    use thumbturn_core::ports::Clock as _;
    SystemClock::start().now().wall
}

async fn init(args: &InitArgs) -> Result<(), CliError> {
    let config = args.place.settings(None)?;
    let installation = match admin::installation(&config.admin_socket()).await {
        Err(AdminError::NotRunning) => {
            // A database that is set up may have a server somewhere else; an empty one has none.
            let store = match open_store(&config, Role::Visitor) {
                Err(OpenError::Empty { .. }) => open_store(&config, Role::Server)?,
                opened => opened?,
            };
            let installation = setup::set_up(&store, now()).await?;
            store.close().await;
            installation
        }
        answer => answer?,
    };
    print(&if args.json { serde_json::to_string_pretty(&installation)? + "\n" } else { describe(&installation) })
}

/// What was set up, for people.
#[must_use]
pub fn describe(installation: &Installation) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<24}{value}");
    };
    line("workspace", &installation.workspace_id.to_string());
    let kept = "(made before; `thumbturn keys create` makes a new one)";
    let shown = |secret: &Option<Secret<String>>| secret.as_ref().map_or(kept, |text| text.expose()).to_owned();
    line("API key", &shown(&installation.api_key));
    line("personal access token", &shown(&installation.personal_access_token));
    line("publishable key", installation.publishable_key.as_deref().unwrap_or("(none)"));
    for device in &installation.devices {
        line("lock", &format!("{}  {}", device.device_id, device.display_name));
    }
    text
}

async fn keys(args: KeysArgs) -> Result<(), CliError> {
    let config = args.place.settings(None)?;
    let request = match args.command {
        KeysCommand::Create { kind, name, workspace } => KeysRequest::Create { kind, name, workspace },
        KeysCommand::List => KeysRequest::List,
        KeysCommand::Revoke { key } => KeysRequest::Revoke { key },
    };
    let found = match admin::keys(&config.admin_socket(), &request).await {
        Err(AdminError::NotRunning) => {
            let store = open_existing(&config, Role::Visitor)?;
            let found = keys::carry_out(&store, request, now()).await?;
            store.close().await;
            found
        }
        answer => answer?,
    };
    print(&if args.json { serde_json::to_string_pretty(&found)? + "\n" } else { table(&found) })
}

/// Opening makes a database where there is none: not for a mistyped folder.
fn open_existing(config: &Config, role: Role) -> Result<Store, CliError> {
    if config.postgres().is_none() && !config.data_dir.join(thumbturn_store::DATABASE_FILE).exists() {
        return Err(CliError::NothingThere(config.data_dir.clone()));
    }
    Ok(open_store(config, role)?)
}

async fn workspaces(args: WorkspacesArgs) -> Result<(), CliError> {
    let config = args.place.settings(None)?;
    let request = match args.command {
        WorkspacesCommand::Create { name, sandbox } => WorkspacesRequest::Create { name, sandbox },
        WorkspacesCommand::List => WorkspacesRequest::List,
    };
    let found = match admin::workspaces(&config.admin_socket(), &request).await {
        Err(AdminError::NotRunning) => {
            // A server somewhere else would not hear of the new workspace's virtual locks.
            let role = if matches!(request, WorkspacesRequest::List) { Role::Visitor } else { Role::Server };
            let store = open_existing(&config, role)?;
            // The account of its virtual locks is opened by the next start.
            let (found, _) = workspaces::carry_out(&store, request, now()).await?;
            store.close().await;
            found
        }
        answer => answer?,
    };
    print(&if args.json { serde_json::to_string_pretty(&found)? + "\n" } else { workspaces_table(&found) })
}

fn workspaces_table(workspaces: &[WorkspaceView]) -> String {
    use std::fmt::Write as _;
    let mut text = format!("{:<38}{:<12}{:<11}{}\n", "WORKSPACE ID", "KIND", "STATE", "NAME");
    for workspace in workspaces {
        let kind = if workspace.is_sandbox { "sandbox" } else { "production" };
        let state = if workspace.is_suspended { "suspended" } else { "live" };
        let _ = writeln!(
            text,
            "{:<38}{kind:<12}{state:<11}{}",
            workspace.workspace_id.to_string(),
            printable(&workspace.name)
        );
    }
    text
}

/// A name without what a terminal would obey: it may have come over the API.
fn printable(name: &str) -> String {
    let steers = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    name.replace(steers, "\u{fffd}")
}

fn table(keys: &[KeyView]) -> String {
    use std::fmt::Write as _;
    let mut text =
        format!("{:<38}{:<23}{:<10}{:<38}{:<10}{}\n", "KEY ID", "KIND", "SHORT", "WORKSPACE", "STATE", "NAME");
    for key in keys {
        let workspace = key.workspace_id.map_or_else(|| "all".to_owned(), |id| id.to_string());
        let state = if key.revoked_at.is_some() { "revoked" } else { "live" };
        let kind = key.kind.as_str();
        let _ = writeln!(
            text,
            "{:<38}{kind:<23}{:<10}{workspace:<38}{state:<10}{}",
            key.key_id.to_string(),
            key.short,
            printable(&key.name)
        );
        if let Some(token) = &key.token {
            let _ = writeln!(text, "\nToken (shown only now): {}", token.expose());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(printable("Café – 7 号"), "Café – 7 号");
        assert_eq!(
            printable("a\u{1b}[31mb\nc\u{9b}2J\u{202e}d\0"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}2J\u{fffd}d\u{fffd}"
        );
    }
}
