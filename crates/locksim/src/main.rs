//! `locksim`: simulated locks on a broker, to try the product without hardware.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use thumbturn_locksim::console::{HELP, Said, obey};
use thumbturn_locksim::{BoltMove, Broker, Error, Make, Sim, SimConfig};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::broadcast::error::RecvError;

/// Simulated smart locks on an MQTT broker. Type "help" while it runs.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The broker: `mqtt://[user:password@]host[:port]`, or `mqtts://` together with --ca-file.
    #[arg(long, default_value = "mqtt://127.0.0.1:1883")]
    broker: String,
    /// The authority (PEM) that signed the broker's certificate.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// How many locks.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=5000))]
    locks: u16,
    /// What the simulated hub speaks.
    #[arg(long, value_enum, default_value_t = Spoken::Zigbee2mqtt)]
    dialect: Spoken,
    /// How long a motor takes, in milliseconds.
    #[arg(long, default_value_t = 800)]
    motor_ms: u64,
    /// Zigbee2MQTT: one make after another instead of Yale only.
    #[arg(long)]
    mixed: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Spoken {
    /// The topics of Zigbee2MQTT.
    Zigbee2mqtt,
    /// Home Assistant MQTT discovery, in the styles of several makers.
    Homeassistant,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "locksim cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Error> {
    let broker = Broker::parse(&arguments.broker, arguments.ca_file.as_deref())?;
    let count = usize::from(arguments.locks);
    let mut config = match arguments.dialect {
        Spoken::Zigbee2mqtt => SimConfig::zigbee2mqtt(count),
        Spoken::Homeassistant => SimConfig::home_assistant(count),
    };
    config = config.each(|lock| lock.motor = Duration::from_millis(arguments.motor_ms));
    if arguments.mixed {
        let mut makes = Make::ALL.into_iter().cycle();
        config = config.each(|lock| lock.make = makes.next().unwrap_or(lock.make));
    }
    let sim = Sim::start(&broker, config).await?;
    say(&format!("{count} locks on {}; type: help\n{}", broker.url(), HELP));
    converse(&sim).await;
    Ok(())
}

/// Prints moves and obeys lines until the person leaves. Without a terminal it runs until it is interrupted.
async fn converse(sim: &Sim) {
    let mut moves = sim.watch_moves();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut listening = true;
    loop {
        tokio::select! {
            // What a line caused is printed before the next line is read.
            biased;
            moved = moves.recv() => match moved {
                Ok(moved) => say(&told(&moved)),
                Err(RecvError::Lagged(missed)) => say(&format!("({missed} moves not shown)")),
                Err(RecvError::Closed) => return,
            },
            line = lines.next_line(), if listening => match line {
                Ok(Some(line)) => match obey(sim, &line).await {
                    Said::Quit => return,
                    Said::Text(text) => say(&text),
                },
                Ok(None) | Err(_) => listening = false,
            },
            _ = tokio::signal::ctrl_c() => return,
        }
    }
}

fn told(moved: &BoltMove) -> String {
    let now = jiff::Timestamp::now();
    format!("{now:.3} {}: {:?} -> {:?} ({:?})", moved.lock, moved.from, moved.to, moved.cause)
}

fn say(text: &str) {
    if !text.is_empty() {
        // Somebody who closed the pipe does not want to read it.
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}
