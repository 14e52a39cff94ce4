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
use crate::http;
use crate::hubs::{HubView, HubsRequest};
use crate::keys::{self, KeyView, KeysRequest};
use crate::setup::{self, Installation};
use crate::webhooks::operators::{self, WebhooksAnswer, WebhooksRequest};
use crate::workspaces::{self, WorkspaceView, WorkspacesRequest};

/// Longest request or answer, in bytes.
const LONGEST: u64 = 4 * 1024 * 1024;

/// How long one conversation may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How long a command waits for the server: longer than the server takes, so that no key is made and not shown.
const PATIENCE: Duration = Duration::from_secs(15);

/// After a failed accept (out of file descriptors) it is tried again after this pause.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Question {
    Keys(KeysRequest),
    Workspaces(WorkspacesRequest),
    Hubs(HubsRequest),
    Webhooks(WebhooksRequest),
    /// What the installation consists of.
    Installation,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Keys(Vec<KeyView>),
    Workspaces(Vec<WorkspaceView>),
    Hubs(Vec<HubView>),
    Webhooks(WebhooksAnswer),
    Installation(Installation),
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

    /// Answers from now on until the process ends. A caller that says nothing holds up no other.
    #[must_use]
    pub fn serve(self, app: App) -> SocketFile {
        let listener = self.listener;
        tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let app = app.clone();
                        tokio::spawn(tokio::time::timeout(LIMIT, async move { converse(&app, stream).await }));
                    }
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
    let answer = match serde_json::from_str::<Question>(&line) {
        Ok(question) => answer(app, question).await.unwrap_or_else(Answer::Refused),
        Err(error) => Answer::Refused(format!("the request was not understood: {error}")),
    };
    write.write_all(serde_json::to_string(&answer)?.as_bytes()).await?;
    write.write_all(b"\n").await
}

async fn answer(app: &App, question: Question) -> Result<Answer, String> {
    let (store, now) = (app.store(), app.now());
    match question {
        Question::Keys(request) => keys::carry_out(store, request, now).await.map(Answer::Keys).map_err(in_words),
        Question::Workspaces(request) => {
            let (views, account) = workspaces::carry_out(store, request, now).await.map_err(in_words)?;
            if let Some(account) = account {
                app.engine().open_account(account).await.map_err(in_words)?;
            }
            Ok(Answer::Workspaces(views))
        }
        Question::Hubs(request) => {
            if let HubsRequest::Remove { hub } = request
                && let Some(done) = http::forward::forget_hub(app, hub).await
            {
                return done.map(Answer::Hubs);
            }
            app.hubs().carry_out(request).await.map(Answer::Hubs).map_err(in_words)
        }
        Question::Webhooks(request) => {
            let due = request.makes_due();
            let answered = operators::carry_out(store, request, now).await.map_err(in_words)?;
            app.webhooks().changed();
            if let Some(webhook) = due {
                app.webhooks().due(webhook);
            }
            Ok(Answer::Webhooks(answered))
        }
        Question::Installation => setup::set_up(store, now).await.map(Answer::Installation).map_err(in_words),
    }
}

fn in_words(error: impl std::error::Error) -> String {
    error.to_string()
}

/// Has the server that listens at `path` carry out a request about keys.
///
/// # Errors
/// [`AdminError::NotRunning`] if there is none.
pub async fn keys(path: &Path, request: &KeysRequest) -> Result<Vec<KeyView>, AdminError> {
    match ask(path, Question::Keys(request.clone())).await? {
        Answer::Keys(keys) => Ok(keys),
        _ => Err(AdminError::Refused("the server answered something else".to_owned())),
    }
}

/// Has the server that listens at `path` carry out a request about workspaces.
///
/// # Errors
/// [`AdminError::NotRunning`] if there is none.
pub async fn workspaces(path: &Path, request: &WorkspacesRequest) -> Result<Vec<WorkspaceView>, AdminError> {
    match ask(path, Question::Workspaces(request.clone())).await? {
        Answer::Workspaces(workspaces) => Ok(workspaces),
        _ => Err(AdminError::Refused("the server answered something else".to_owned())),
    }
}

/// Has the server that listens at `path` carry out a request about hubs.
///
/// # Errors
/// [`AdminError::NotRunning`] if there is none.
pub async fn hubs(path: &Path, request: &HubsRequest) -> Result<Vec<HubView>, AdminError> {
    match ask(path, Question::Hubs(request.clone())).await? {
        Answer::Hubs(hubs) => Ok(hubs),
        _ => Err(AdminError::Refused("the server answered something else".to_owned())),
    }
}

/// Has the server that listens at `path` carry out a request about webhooks.
///
/// # Errors
/// [`AdminError::NotRunning`] if there is none.
pub async fn webhooks(path: &Path, request: &WebhooksRequest) -> Result<WebhooksAnswer, AdminError> {
    match ask(path, Question::Webhooks(request.clone())).await? {
        Answer::Webhooks(answer) => Ok(answer),
        _ => Err(AdminError::Refused("the server answered something else".to_owned())),
    }
}

/// What the installation consists of whose server listens at `path`.
///
/// # Errors
/// [`AdminError::NotRunning`] if there is none.
pub async fn installation(path: &Path) -> Result<Installation, AdminError> {
    match ask(path, Question::Installation).await? {
        Answer::Installation(installation) => Ok(installation),
        _ => Err(AdminError::Refused("the server answered something else".to_owned())),
    }
}

async fn ask(path: &Path, question: Question) -> Result<Answer, AdminError> {
    let mut stream = UnixStream::connect(path).await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AdminError::NotRunning,
        _ => AdminError::Broken(error),
    })?;
    let answer = tokio::time::timeout(PATIENCE, exchange(&mut stream, &question)).await;
    match answer.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? {
        Answer::Refused(why) => Err(AdminError::Refused(why)),
        answer => Ok(answer),
    }
}

async fn exchange(stream: &mut UnixStream, question: &Question) -> io::Result<Answer> {
    let (read, mut write) = stream.split();
    let mut line = serde_json::to_string(question)?;
    line.push('\n');
    write.write_all(line.as_bytes()).await?;
    let mut answer = String::new();
    BufReader::new(read.take(LONGEST)).read_line(&mut answer).await?;
    Ok(serde_json::from_str(&answer)?)
}
