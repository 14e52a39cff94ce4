//! Tests of the wire contract through its public interface.

#[cfg(test)]
mod any_input;
#[cfg(test)]
mod declarations;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod wire;
