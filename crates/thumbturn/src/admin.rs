//! The admin socket: how operator commands reach a running server. A Unix socket in the data directory, mode 0600, so
//! whoever may read the database may use it and nobody else. One line of JSON asks, one line answers.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::app::App;
use crate::keys::{self, KeyView, KeysRequest};

/// Longest request or answer, in bytes.
const LONGEST: u64 = 4 * 1024 * 1024;

/// How long one conversation may take.
const LIMIT: Duration = Duration::from_secs(10);

/// After a failed accept (out of file descriptors) it is tried again after this pause.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Keys(Vec<KeyView>),
    Refused(String),
}

/// Why a running server did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// No server listens there.
    #[error("no server is running on this data directory")]
    NotRunning,
    /// The conversation broke off.
    #[error("the running server could not be asked: {0}")]
    Broken(#[from] io::Error),
    /// The server refused; the text says why.
    #[error("{0}")]
    Refused(String),
}

/// The socket, before there is an application that could answer.
#[derive(Debug)]
pub struct AdminSocket {
    listener: UnixListener,
    file: SocketFile,
}

/// The socket's file; removed when this is dropped.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl AdminSocket {
    /// Listens at `path`. The caller holds the lock of the data directory, so a socket file that is there is a dead one.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, file: SocketFile(path.to_owned()) })
    }

    /// Answers from now on, one conversation at a time, until the process ends.
    #[must_use]
    pub fn serve(self, app: App) -> SocketFile {
        let listener = self.listener;
        tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::time::timeout(LIMIT, converse(&app, stream)).await),
                    Err(error) => {
                        tracing::warn!(%error, "the admin socket cannot take a call");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        });
        self.file
    }
}

async fn converse(app: &App, mut stream: UnixStream) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut line = String::new();
    BufReader::new(read.take(LONGEST)).read_line(&mut line).await?;
    let answer = match serde_json::from_str::<KeysRequest>(&line) {
        Ok(request) => match keys::carry_out(app.store(), request, app.now()).await {
            Ok(keys) => Answer::Keys(keys),
            Err(error) => Answer::Refused(error.to_string()),
        },
        Err(error) => Answer::Refused(format!("the request was not understood: {error}")),
    };
    write.write_all(serde_json::to_string(&answer)?.as_bytes()).await?;
    write.write_all(b"\n").await
}

/// Asks the server that listens at `path`.
///
/// # Errors
/// [`AdminError::NotRunning`] if there is none.
pub async fn ask(path: &Path, request: &KeysRequest) -> Result<Vec<KeyView>, AdminError> {
    let mut stream = UnixStream::connect(path).await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AdminError::NotRunning,
        _ => AdminError::Broken(error),
    })?;
    let answer = tokio::time::timeout(LIMIT, exchange(&mut stream, request)).await;
    let answer = answer.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    match answer {
        Answer::Keys(keys) => Ok(keys),
        Answer::Refused(why) => Err(AdminError::Refused(why)),
    }
}

async fn exchange(stream: &mut UnixStream, request: &KeysRequest) -> io::Result<Answer> {
    let (read, mut write) = stream.split();
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    write.write_all(line.as_bytes()).await?;
    let mut answer = String::new();
    BufReader::new(read.take(LONGEST)).read_line(&mut answer).await?;
    Ok(serde_json::from_str(&answer)?)
}
