//! The log: one line for each event on standard error, for people or as JSON, panics among them.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, Log, LogFormat};

/// The variable that says what is logged; it wins over the setting.
const VARIABLE: &str = "THUMBTURN_LOG";

/// What is said of a panic whose words were made while the program ran.
const WITHHELD: &str = "a part of the server panicked; what it said may hold secrets and is left out";

/// What is logged of these, whatever is asked for: at finer levels they quote whole messages, with a hub's token or codes in
/// them.
const QUOTING: [&str; 2] = ["tungstenite=warn", "tokio_tungstenite=warn"];

/// How often something panicked since the start.
static PANICS: AtomicU64 = AtomicU64::new(0);

/// Starts the log. In one process only the first call counts.
///
/// # Errors
/// [`ConfigError`] if what is to be logged cannot be understood.
pub fn start(settings: &Log) -> Result<(), ConfigError> {
    let variable = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let filter = match &variable {
        Some(text) => filter(VARIABLE, text)?,
        None => filter("log.level", &settings.level)?,
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().with_current_span(false).with_span_list(false).try_init(),
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(report));
    }
    Ok(())
}

/// What is logged. A filter that says nothing would silence the log without a word.
pub(crate) fn filter(setting: &'static str, text: &str) -> Result<EnvFilter, ConfigError> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let text = text.trim();
    let is_known = |part: &str| {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level).trim();
        LEVELS.iter().any(|known| level.eq_ignore_ascii_case(known)) || part.starts_with("thumbturn")
    };
    let parsed = EnvFilter::try_new(text).ok().filter(|_| text.split(',').all(is_known));
    let quoting = QUOTING.iter().filter_map(|directive| directive.parse().ok());
    parsed.map(|parsed| quoting.fold(parsed, EnvFilter::add_directive)).ok_or_else(|| ConfigError::OutOfRange {
        setting,
        value: format!("`{text}`"),
        wanted: "a level such as info or debug, or parts such as thumbturn_drivers=trace",
    })
}

/// How often something panicked since the start.
pub(crate) fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// A panic as an event. Only words that stand in the program's text are told: others may quote what came from outside.
fn report(panic: &PanicHookInfo<'_>) {
    PANICS.fetch_add(1, Ordering::Relaxed);
    let message = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or(WITHHELD);
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(target: "thumbturn::panic", place, thread, backtrace, "{message}");
}
