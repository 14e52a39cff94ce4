//! The simulation against a real Mosquitto: every fault must look as it did when it was captured.

#[cfg(test)]
mod broker;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod console;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod hub;
#[cfg(test)]
mod states;
#[cfg(test)]
mod support;
