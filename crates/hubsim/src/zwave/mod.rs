//! A real Z-Wave JS server on a simulated network of locks with a physical truth.
//!
//! The programs are those of `e2e/zwave`: a [`House`] is the stick and the locks, made of the mock network that
//! Z-Wave JS itself is tested with; a [`Hub`] is the real Z-Wave JS driver with its real WebSocket server on that stick. They
//! are two processes, so that a hub can be killed or frozen and the bolts stay where they are. What a lock *says* can be
//! made wrong in every way that was seen with real ones ([`Faults`]); what its bolt really *did* is counted by the lock itself
//! ([`Truth`]).

mod client;
mod house;
mod hub;
mod spec;

pub use client::Client;
pub use house::House;
pub use hub::Hub;
pub use spec::{By, Faults, KeptCode, LockSpec, Parameter, Place, Saying, Tells, Truth};

use std::path::PathBuf;

use serde_json::Value;
use tokio::process::Command;

use crate::Error;
use crate::process::{self, Process};

/// Starts a program of `e2e/zwave`.
fn start(program: &'static str, spec: &Value) -> Result<Process, Error> {
    Process::start(program, &mut command(program, spec)?)
}

fn command(program: &'static str, spec: &Value) -> Result<Command, Error> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../e2e/zwave"));
    if !folder.join("node_modules/zwave-js").is_dir() {
        return Err(Error::NotInstalled(folder));
    }
    let mut command = Command::new(process::node(&folder));
    command.arg(folder.join(program)).arg(spec.to_string());
    Ok(command)
}
