//! What is known of integrations, from their source in Home Assistant 2024.3 to 2026.11.

/// Integrations whose locks are no doors: cars, charging stations, a pet door; and groups, whose members are there themselves.
const NO_DOORS: [&str; 12] = [
    "bmw_connected_drive",
    "group",
    "keba",
    "starline",
    "subaru",
    "surepetcare",
    "tesla_fleet",
    "teslemetry",
    "tessie",
    "volvo",
    "volvooncall",
    "wallbox",
];

/// Integrations that set the wanted state by themselves after a command, before the lock has told it, and do not say so by
/// `assumed_state`.
///
/// `zwave_js` is among them since the driver behind it notes the wanted position of a lock without Supervision, and Home
/// Assistant does not tell which locks those are. Such locks are better connected over Z-Wave JS itself.
const GUESSERS: [&str; 9] =
    ["demo", "fibaro", "kitchen_sink", "simplisafe", "smartthings", "switch_as_x", "vera", "yolink", "zwave_js"];

/// Whether the locks of an integration are doors.
pub(super) fn has_doors(integration: &str) -> bool {
    !NO_DOORS.contains(&integration)
}

/// Whether an integration tells what it supposes as if the lock had told it.
pub(super) fn guesses(integration: &str) -> bool {
    GUESSERS.contains(&integration)
}
