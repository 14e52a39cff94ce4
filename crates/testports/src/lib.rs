//! Free ports for servers that must be told one before they start, such as a broker, a database or a hub.
//!
//! A port that the system chose and that was let go again is free for everybody: for the next test that asks, and for
//! any connection that goes out, which takes its own port from the same range. So these lie below that range
//! (from 32768 on Linux), and whoever has one holds a lock on a file named after it.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::PathBuf;

/// Above what well-known servers use, below what the system gives to connections that go out.
const RANGE: Range<u16> = 10_000..32_000;

/// How many ports are looked at before it is called a failure.
const TRIES: usize = 1_000;

/// A port of 127.0.0.1 that no other `Port` on this machine has as long as this one is kept, also while nobody listens on it.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Locked; the lock goes with the file's handle, also when its process is killed.
    _claim: File,
}

impl Port {
    /// One that nobody has and on which nobody listens.
    ///
    /// # Errors
    /// If the folder for the claims cannot be used, or nothing is free.
    pub fn free() -> io::Result<Self> {
        let folder = claims();
        fs::create_dir_all(&folder)?;
        for _ in 0..TRIES {
            let number = rand::random_range(RANGE);
            let claim = File::create(folder.join(number.to_string()))?;
            if claim.try_lock().is_ok() && is_unused(number) {
                return Ok(Self { number, _claim: claim });
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "no port is free"))
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }
}

/// Where the claims are, the same for every process of a user.
fn claims() -> PathBuf {
    std::env::temp_dir().join(format!("thumbturn-ports-{}", rustix::process::geteuid().as_raw()))
}

fn is_unused(number: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
        && TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Port, RANGE, TcpListener, is_unused};

    #[test]
    fn a_port_is_had_once() {
        let ports: Vec<Port> = std::iter::repeat_with(|| Port::free().unwrap()).take(200).collect();
        let numbers: BTreeSet<u16> = ports.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), ports.len());
        assert!(numbers.iter().all(|number| RANGE.contains(number)));
    }

    #[test]
    fn a_claim_ends_with_its_port() {
        let port = Port::free().unwrap();
        let file = super::claims().join(port.number().to_string());
        let again = std::fs::File::open(&file).unwrap();
        assert!(again.try_lock().is_err());
        drop(port);
        assert!(again.try_lock().is_ok());
    }

    #[test]
    fn a_port_with_a_listener_is_not_free() {
        let port = Port::free().unwrap();
        let _listener = TcpListener::bind(("127.0.0.1", port.number())).unwrap();
        assert!(!is_unused(port.number()));
    }
}
