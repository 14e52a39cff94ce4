//! The whole way: HTTP, engine, store, driver, a real Mosquitto, simulated locks that count their bolt movements.

mod server;

mod crash;
mod truth;
mod unlock;
