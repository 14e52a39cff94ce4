//! The settings of a sandbox account: `{"locks": 5, "latency_ms": 20, "jitter_ms": 0, "seed": 1}`, all optional.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::settings::MOST_LATENCY_MS;
use crate::config::{ConfigProblem, keys_of};

/// How many locks an account may have.
const LOCKS: RangeInclusive<u64> = 1..=10_000;

/// What a sandbox account asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many locks: 1 to 10,000, default 5.
    pub locks: usize,
    /// Milliseconds from a command to its bolt's arrival: 0 to 600,000, default 20.
    pub latency_ms: u64,
    /// By how much the latency varies in either direction, in milliseconds: 0 to 600,000, default 0.
    pub jitter_ms: u64,
    /// Where every chance comes from: the same seed gives the same story. Default 1.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { locks: 5, latency_ms: 20, jitter_ms: 0, seed: 1 }
    }
}

/// Reads a sandbox account's settings.
///
/// # Errors
/// The first key that is unknown, of the wrong type or out of range; or a text that is no JSON object.
pub fn parse_config(text: &str) -> Result<Config, ConfigProblem> {
    from_keys(&keys_of(text)?)
}

fn from_keys(keys: &Map<String, Value>) -> Result<Config, ConfigProblem> {
    let mut config = Config::default();
    for (key, value) in keys {
        match key.as_str() {
            "locks" => config.locks = usize::try_from(whole(key, value, LOCKS)?).unwrap_or(usize::MAX),
            "latency_ms" => config.latency_ms = whole(key, value, 0..=MOST_LATENCY_MS)?,
            "jitter_ms" => config.jitter_ms = whole(key, value, 0..=MOST_LATENCY_MS)?,
            "seed" => config.seed = whole(key, value, 0..=u64::MAX)?,
            _ => return Err(ConfigProblem::new(key, "is unknown; known are locks, latency_ms, jitter_ms and seed")),
        }
    }
    Ok(config)
}

fn whole(key: &str, value: &Value, range: RangeInclusive<u64>) -> Result<u64, ConfigProblem> {
    value.as_u64().filter(|number| range.contains(number)).ok_or_else(|| {
        ConfigProblem::new(key, format!("must be a whole number from {} to {}", range.start(), range.end()))
    })
}
