//! The program: reads the command line and reports how it ended.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;
use thumbturn::cli::Cli;
use tracing_subscriber::EnvFilter;

/// A fifth of what the server did was glibc's allocator, most of it on threads that free what others made.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = match log_filter() {
        Ok(filter) => filter,
        Err(error) => return failed(&error),
    };
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(cli.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// The log level. A filter that says nothing would silence the log without a word.
fn log_filter() -> Result<EnvFilter, LogError> {
    let text = std::env::var("THUMBTURN_LOG").unwrap_or_default();
    let text = if text.trim().is_empty() { "info" } else { text.trim() };
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let is_known = |part: &str| {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level).trim();
        levels.iter().any(|known| level.eq_ignore_ascii_case(known)) || part.starts_with("thumbturn")
    };
    let parsed = EnvFilter::try_new(text).ok().filter(|_| text.split(',').all(is_known));
    parsed.ok_or_else(|| LogError(text.to_owned()))
}

/// `THUMBTURN_LOG` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("THUMBTURN_LOG is `{0}`, but must be a level such as info or debug, or parts such as thumbturn_drivers=trace")]
struct LogError(String);

fn failed(error: &dyn std::error::Error) -> ExitCode {
    use std::io::Write as _;
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    let _ = writeln!(std::io::stderr(), "thumbturn: {text}");
    ExitCode::FAILURE
}
