//! The program: reads the command line and reports how it ended.

use std::process::ExitCode;

use clap::Parser as _;
use thumbturn::cli::Cli;

/// A sixth of what the server's threads did was glibc's allocator, as one thread frees what another made. (Without huge
/// pages: they did nothing for the rate, and held 27 MB more.)
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(cli.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

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
