//! The whole way: HTTP, engine, store, driver, a real broker, a real Zigbee2MQTT, simulated Zigbee locks that count their
//! bolt movements.

#[cfg(test)]
#[path = "../support/listening.rs"]
mod listening;
#[cfg(test)]
#[path = "../mqtt/server.rs"]
#[expect(dead_code, reason = "these tests need less of it")]
mod server;

#[cfg(test)]
mod unlock;
