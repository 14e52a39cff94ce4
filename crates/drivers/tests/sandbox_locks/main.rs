//! Virtual locks: their physics, and their driver as the engine meets it.

#[cfg(test)]
mod acts;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod driver;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod room;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod standing;

mod steps;
