//! The server's life: open, set up, start the engine, listen, say so, serve, drain.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use rustix::process::{Resource, Rlimit, setrlimit};
use thumbturn_core::accounts::Provider;
use thumbturn_core::hub::{Engine, EngineSettings};
use thumbturn_core::ports::{Clock, CommitError, Driver, StoreError};
use thumbturn_drivers::home_assistant::HomeAssistantDriver;
use thumbturn_drivers::matter::MatterDriver;
use thumbturn_drivers::mqtt::MqttDriver;
use thumbturn_drivers::sandbox::{Pace, SandboxDriver};
use thumbturn_drivers::zwave_js::ZwaveJsDriver;
use thumbturn_store::{OpenError, OpenOptions, Role, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::admin::AdminSocket;
use crate::app::{App, Parts};
use crate::cli::store_options;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::connections::{self, Limits, Stop};
use crate::http;
use crate::http::cors::Origins;
use crate::http::documents::Documents;
use crate::limits::ActionLimits;
use crate::metrics::Metrics;
use crate::setup::{self, Installation, SetUpError};
use crate::webhooks::{Webhooks, WebhooksError};

/// How long the start waits for hubs, so that "ready" means that the virtual locks answer.
const HUBS_AT_START: Duration = Duration::from_secs(2);

/// Connections to the address that serves nothing but metrics.
const METRICS_CONNECTIONS: usize = 16;

/// Between two rounds of tidying.
const TIDY_EVERY: Duration = Duration::from_secs(600);

/// How long idempotency keys are kept.
const KEYS_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Why the server could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data directory.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The first start.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// The database.
    #[error("the database failed at the start: {0}")]
    Store(#[from] StoreError),
    /// The database.
    #[error("the database failed at the start: {0}")]
    Commit(#[from] CommitError),
    /// The database was taken.
    #[error("another server has taken the database: this one commands no hub any more")]
    Lost,
    /// The address.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The admin socket.
    #[error("cannot make the admin socket {0}: {1}")]
    Admin(String, #[source] io::Error),
    /// Webhooks.
    #[error("webhooks cannot be served: {0}")]
    Webhooks(#[from] WebhooksError),
    /// Anything else of the machine.
    #[error("the server stopped: {0}")]
    Io(#[from] io::Error),
}

/// Serves until SIGTERM or SIGINT, then drains. A second signal ends it without waiting for anything.
///
/// What may fail comes before the set-up: its secrets are shown once, so it must not be followed by a failure.
///
/// # Errors
/// [`ServeError`]
pub async fn run(config: Config) -> Result<(), ServeError> {
    forbid_core_dumps();
    let connections = connections::allow_many();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let metrics = Arc::new(Metrics::new(clock.now().wall));
    let role = if config.database.several_nodes { Role::Node } else { Role::Server };
    let options = OpenOptions { role, meter: metrics.of_store(), log_room: true, ..store_options(&config) };
    let store = thumbturn_store::open(options)?;
    let listener = bind(config.listen)?;
    let metrics_listener = match config.metrics.listen.filter(|_| config.metrics.enabled) {
        Some(address) => Some(bind(address)?),
        None => None,
    };
    let address = listener.local_addr()?;
    let url = base_url(&config, address);
    let socket = config.admin_socket();
    let admin = AdminSocket::bind(&socket).map_err(|error| ServeError::Admin(socket.display().to_string(), error))?;
    let signals = Signals::catch()?;
    let installation = setup::set_up(&store, clock.now().wall).await?;
    let app = start(&config, store.clone(), Arc::clone(&clock), url.clone(), metrics).await?;
    let admin = admin.serve(app.clone());
    app.engine().settled(HUBS_AT_START).await;
    tokio::spawn(http::forward::serve(app.clone()));
    let served_app = app.clone();
    tokio::spawn(tidy(app.clone(), config.clone(), Arc::clone(&clock)));
    if let Err(error) = greet(address, &url, &installation) {
        // Who cannot be shown new secrets must know; a server that was set up before serves all the same.
        if installation.api_key.is_some() {
            return Err(error.into());
        }
        tracing::warn!(%error, "standard output cannot be written; listening on http://{address}");
    }
    tokio::select! {
        served = serve(listener, metrics_listener, app, signals, connections) => served?,
        () = lost(&config, &store) => return Err(ServeError::Lost),
    }
    drop(admin);
    served_app.webhooks().stop().await;
    store.close().await;
    Ok(())
}

fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    connections::listen(address).map_err(|error| ServeError::Listen(address, error))
}

/// Returns when another server has taken the database, or nobody writes to it any more. What was accepted must not reach a
/// hub then, so the process ends as it stands; the other server settles what was left.
async fn lost(config: &Config, store: &Store) {
    if config.postgres().is_some() {
        store.ended().await;
    } else {
        std::future::pending().await
    }
}

/// A crash must not leave the secrets that were in memory on the disk.
fn forbid_core_dumps() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps could not be switched off");
    }
    // A dump that goes to a program and not to a file knows no limit.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "the process could not be made undumpable");
    }
}

/// Starts the engine on an open store.
///
/// # Errors
/// [`ServeError`] if the database fails.
pub async fn start(
    config: &Config,
    store: Store,
    clock: Arc<dyn Clock>,
    url: String,
    metrics: Arc<Metrics>,
) -> Result<App, ServeError> {
    store.begin_run().await?;
    let virtual_locks = SandboxDriver::new(Arc::clone(&clock), Pace::Runs);
    let sandbox = virtual_locks.hubs();
    let drivers: HashMap<Provider, Arc<dyn Driver>> = HashMap::from([
        (Provider::Sandbox, Arc::new(virtual_locks) as Arc<dyn Driver>),
        (Provider::Mqtt, Arc::new(MqttDriver::new(Arc::clone(&clock)))),
        (Provider::ZwaveJs, Arc::new(ZwaveJsDriver::new(Arc::clone(&clock)))),
        (Provider::HomeAssistant, Arc::new(HomeAssistantDriver::new(Arc::clone(&clock)))),
        (Provider::Matter, Arc::new(MatterDriver::new(Arc::clone(&clock)))),
    ]);
    let settings = EngineSettings {
        deadline: config.actions.deadline(),
        queue_per_lock: config.actions.queue_per_lock,
        reads_per_day: config.limits.lock_reads_per_day,
        ..EngineSettings::default()
    };
    let (stored, meter) = (Arc::new(store.clone()), metrics.of_engine());
    let engine = Engine::start_metered(stored, Arc::clone(&clock), drivers, settings, meter).await?;
    let is_alone = config.postgres().is_none();
    let figures = metrics.of_webhooks();
    let webhooks = Webhooks::start(store.clone(), Arc::clone(&clock), &config.webhooks, is_alone, figures).await?;
    let limits = &config.limits;
    Ok(App::new(Parts {
        store,
        engine,
        clock,
        sandbox,
        hold: config.actions.hold(),
        limits: ActionLimits::new(limits.lock_actions_per_minute, limits.sandbox_lock_actions_per_minute),
        origins: Origins::new(config.cors.allowed_origins.clone()),
        documents: Documents::new(&url),
        public_url: url,
        reset_to: config.sandbox.reset_to,
        routes: http::routes(),
        concurrent_requests: limits.concurrent_requests,
        event_streams: limits.event_streams,
        metrics,
        shows_metrics: config.metrics.enabled && config.metrics.listen.is_none(),
        webhooks,
    }))
}

fn base_url(config: &Config, address: SocketAddr) -> String {
    let configured = config.public_url.trim_end_matches('/');
    if configured.is_empty() { format!("http://{}", callable(address)) } else { configured.to_owned() }
}

/// An address that can be called from this machine: a server may listen on all of them.
fn callable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Says that the server is ready and, where the key was just made, how to unlock the first lock.
fn greet(address: SocketAddr, url: &str, installation: &Installation) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if let (Some(api_key), Some(device)) = (&installation.api_key, installation.devices.first()) {
        write!(out, "{}", crate::cli::describe(installation))?;
        writeln!(out, "\nThese secrets are shown only now. Unlock “{}”:\n", device.display_name)?;
        writeln!(out, "curl -sS -X POST http://{}/locks/unlock_door \\", callable(address))?;
        writeln!(out, "  -H 'Authorization: Bearer {}' \\", api_key.expose())?;
        writeln!(out, "  -H 'Content-Type: application/json' \\")?;
        writeln!(out, "  -d '{{\"device_id\": \"{}\"}}'\n", device.device_id)?;
    }
    let public = if url.ends_with(&callable(address).to_string()) { String::new() } else { format!(" as {url}") };
    writeln!(out, "thumbturn {} listening on http://{address}{public}", env!("CARGO_PKG_VERSION"))?;
    out.flush()
}

async fn serve(
    listener: TcpListener,
    metrics: Option<TcpListener>,
    app: App,
    mut signals: Signals,
    connections: usize,
) -> io::Result<()> {
    let stop = Stop::default();
    let stopping = stop.clone();
    let draining = app.clone();
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping: no new attempts, waiting for the running ones");
        tokio::select! {
            () = draining.drain() => {
                stopping.soon.cancel();
                signals.next().await;
            }
            () = signals.next() => stopping.soon.cancel(),
        }
        tracing::warn!("stopping without waiting for anything");
        stopping.now.cancel();
    });
    if let Some(listener) = metrics {
        tracing::info!(address = %listener.local_addr()?, "metrics are served");
        tokio::spawn(connections::serve(
            listener,
            http::metrics_service(app.clone()),
            stop.clone(),
            Limits::of(METRICS_CONNECTIONS),
        ));
    }
    connections::serve(listener, http::service(app), stop, Limits::of(connections)).await
}

/// The signals that stop the server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on they no longer end the process.
    fn catch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Deletes what is older than it must be kept, now and then.
async fn tidy(app: App, config: Config, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep_until(clock.now().after(TIDY_EVERY)).await;
        app.limits().tidy();
        http::forward::tidy(&app).await;
        let now = app.now();
        let before = |age: SignedDuration| now.checked_sub(age).unwrap_or(jiff::Timestamp::MIN);
        let days = |days: u32| SignedDuration::from_hours(i64::from(days) * 24);
        let (events, attempts) = (days(config.retention.events_days), days(config.retention.attempts_days));
        if let Err(error) = app.store().delete_older(before(events), before(attempts), before(KEYS_KEPT)).await {
            tracing::warn!(%error, "old events and attempts could not be deleted; trying again later");
        }
        let deliveries = days(config.retention.deliveries_days);
        if let Err(error) = app.store().delete_older_deliveries(before(deliveries)).await {
            tracing::warn!(%error, "old deliveries to webhooks could not be deleted; trying again later");
        }
    }
}
