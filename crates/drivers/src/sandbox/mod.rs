//! Sandbox locks: virtual locks that behave like hardware.
//!
//! A bolt here takes time, jams, turns by hand and has a radio that may lose a word. The engine reaches these locks
//! through the same [`Driver`](thumbturn_core::ports::Driver) and [`Link`](thumbturn_core::ports::Link) as any other
//! hub and learns nothing of the physical truth except through what the locks report; the truth itself is shown only by
//! [`SandboxHubs`].
//!
//! | File | What |
//! |---|---|
//! | `physics` | one hub with its locks as a pure state machine; time comes in as a value |
//! | `lock` | one lock: bolt, motor, radio, keypad, battery; `physical` is the truth of it as shown |
//! | `fate` | which faults strike a command |
//! | `agenda` | the time-ordered queue of what is still to happen |
//! | `settings` | latency, faults and profiles, and patches of them |
//! | `script` | what a lock does with each of its next commands |
//! | `config`, `fixtures` | what an account asks for, and what its locks are called |
//! | `hub`, `line` | the state machine behind a mutex, and the bounded way of its signals to the engine |
//! | `driver`, `hubs` | the port of the engine, and the handle of the API |
//!
//! **Invariants.** Nothing in `physics`, `lock`, `fate` and `agenda` reads a clock, waits or talks to a channel. The same
//! seed and the same calls at the same moments give the same emissions. No signal is dropped while a session listens.

mod agenda;
mod config;
mod driver;
mod fate;
mod fixtures;
mod hub;
mod hubs;
mod line;
mod lock;
mod physical;
mod physics;
mod script;
mod settings;
mod words;

pub use config::{Config, parse_config};
pub use driver::{Pace, SandboxDriver};
pub use fixtures::{Fixture, PRESET_PIN, PRESET_SLOT, fixture, fixtures};
pub use hubs::{SandboxError, SandboxHubs};
pub use physical::{Code, MotorState, Physical, Position, Restored};
pub use physics::{ActError, Command, Emission, NotTaken, Remembered, VirtualHub, Word};
pub use script::{MOST_STEPS, Step, StepFault, Then};
pub use settings::{
    Act, Faults, FaultsPatch, Odds, Patch, PatchProblem, Profile, Settings, Simulated, Times, UnknownAct,
    UnknownProfile,
};
