//! Z-Wave locks as the engine meets them: the real engine and driver, a real Z-Wave JS server, and simulated locks that count
//! what their bolts really did.

#[cfg(test)]
mod conformance {
    thumbturn_conformance::promises!(crate::house::site);
}
#[cfg(test)]
mod codes {
    thumbturn_conformance::code_promises!(crate::keypads::site);
}
#[cfg(test)]
mod credentials {
    thumbturn_conformance::code_promises!(crate::keypads::newer);
}
#[cfg(test)]
#[path = "../support/encrypted.rs"]
mod encrypted;
#[cfg(test)]
mod house;
#[cfg(test)]
mod keypads;
#[cfg(test)]
#[path = "../support/parrot.rs"]
mod parrot;
#[cfg(test)]
mod zwave_auto_lock;
#[cfg(test)]
mod zwave_codes;
#[cfg(test)]
mod zwave_doors;
#[cfg(test)]
mod zwave_hub;
#[cfg(test)]
mod zwave_truth;
