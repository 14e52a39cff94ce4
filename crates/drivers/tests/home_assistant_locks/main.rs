//! The locks of a Home Assistant as the engine meets them: the real engine and driver, a real Home Assistant, and simulated
//! locks that count what their bolts really did.

#[cfg(test)]
mod auto_lock;
#[cfg(test)]
mod conformance {
    thumbturn_conformance::promises!(crate::house::site);
}
#[cfg(test)]
mod code_promises {
    thumbturn_conformance::code_promises!(crate::keypads::site);
}
#[cfg(test)]
mod codes;
#[cfg(test)]
#[path = "../support/encrypted.rs"]
mod encrypted;
#[cfg(test)]
mod house;
#[cfg(test)]
mod instance;
#[cfg(test)]
mod keypads;
#[cfg(test)]
#[path = "../support/parrot.rs"]
mod parrot;
#[cfg(test)]
mod truth;
