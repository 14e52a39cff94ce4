//! The whole way: HTTP, engine, store, driver, a real Mosquitto, simulated locks that count their bolt movements.

#[cfg(test)]
#[path = "../support/listening.rs"]
mod listening;
#[cfg(test)]
mod server;

#[cfg(test)]
mod deliveries;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod spaces;
#[cfg(test)]
mod truth;
#[cfg(test)]
mod unlock;
