//! The real engine, hub sessions and store on simulated time, among locks that lie, lag and fail.
//!
//! A *story* is one simulated town: hubs with locks, people who command them, and troubles of every kind
//! ([`Trouble`]). Its seed decides everything, so a story that goes wrong can be told again. The *judge* knows where each
//! bolt really is and looks at every commit, every command that leaves, and every answer: what is not true is an
//! *untruth*. A *campaign* tells many stories.
//!
//! What no server can know is left out on purpose: locks whose own fresh reports are wrong, and repeats of old reports
//! on locks that neither count them nor can be asked.

mod campaign;
mod clock;
mod dice;
mod disk;
mod door;
mod judge;
mod life;
mod people;
mod town;
mod world;

pub use campaign::{Campaign, Failed, Report, run};
pub use clock::SimClock;
pub use judge::Counts;
pub use town::trouble::Trouble;
pub use world::{CannotTell, Plan, Verdict, tell};

/// Drivers that panic are a part of every story: nobody needs to read it.
pub fn silence_driver_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().is::<town::driver::DriverPanicked>() {
            usual(panic);
        }
    }));
}

/// A folder in memory, where there is one: the simulation cuts no disk, so it need not wait for one.
#[must_use]
pub fn quick_folder() -> std::path::PathBuf {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}
