//! Matter locks as the engine meets them: the real engine and driver, a real Matter server, and virtual locks that count what
//! their bolts really did.

#[cfg(test)]
mod conformance {
    thumbturn_conformance::promises!(crate::house::site);
}
#[cfg(test)]
mod codes {
    thumbturn_conformance::code_promises!(crate::keypads::site);
}
#[cfg(test)]
mod house;
#[cfg(test)]
mod keypads;
#[cfg(test)]
mod matter_codes;
#[cfg(test)]
mod matter_doors;
#[cfg(test)]
mod matter_hub;
#[cfg(test)]
mod matter_truth;
#[cfg(test)]
#[path = "../support/parrot.rs"]
mod parrot;
