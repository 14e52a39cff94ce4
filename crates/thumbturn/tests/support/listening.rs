//! Where a server that was started as a process listens.

use std::process::ChildStdout;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};

/// Reads what the server prints until it says its address, which is what this gives.
pub(crate) async fn address(out: ChildStdout, patience: Duration) -> String {
    let out = tokio::process::ChildStdout::from_std(out).unwrap();
    let mut lines = BufReader::new(out).lines();
    let listening = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, address)) = line.split_once("listening on http://") {
                return address.trim().to_owned();
            }
        }
        panic!("the server ended before it listened");
    };
    tokio::time::timeout(patience, listening).await.unwrap()
}
