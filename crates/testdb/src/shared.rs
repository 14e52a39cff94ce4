//! The server that tests share: the first process starts it, and it ends by itself some seconds after the last one.
//!
//! Two locks: `starting` is held by whoever looks whether the server runs, `users` is shared by whoever uses it. A process
//! in the background ends the server once it can have both for itself.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::Error;
use crate::programs::Programs;
use crate::server::{Settings, launch, make, socket_folder};

/// There is nobody else in the folder of its socket.
const PORT: u16 = 5432;

/// Ends the server behind the last of its users: folder, then the locks.
const WATCH: &str = r#"while sleep 5; do
    [ -d "$1" ] || exit
    flock "$1/starting" flock -n "$1/users" sh -c '
        kill -QUIT "$(head -n 1 "$1/server/data/postmaster.pid")"
        rm -rf "$1/server"' sh "$1" && exit
done"#;

/// The lock on `users`, held until this process ends.
static USING: OnceLock<File> = OnceLock::new();
static FIRST: Mutex<()> = Mutex::new(());

/// Programs, folder of the socket and port of the shared server, which runs from now on until this process ends.
pub(crate) fn server() -> Result<(Programs, PathBuf, u16), Error> {
    let programs = Programs::find()?;
    let uid = rustix::process::geteuid().as_raw();
    let dir = std::env::temp_dir().join(format!("thumbturn-postgres-{uid}"));
    let server = dir.join("server");
    let found = (programs, socket_folder(&server), PORT);
    let _first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    if USING.get().is_none() {
        let _ = USING.set(join(&found.0, &dir, &server)?);
    }
    Ok(found)
}

fn join(programs: &Programs, dir: &Path, server: &Path) -> Result<File, Error> {
    fs::create_dir_all(dir).map_err(Error::io("make", dir))?;
    let starting = lock_file(&dir.join("starting"))?;
    starting.lock().map_err(Error::io("lock", dir))?;
    let users = lock_file(&dir.join("users"))?;
    users.lock_shared().map_err(Error::io("lock", dir))?;
    let socket = socket_folder(server).join(format!(".s.PGSQL.{PORT}"));
    if UnixStream::connect(socket).is_err() {
        start(programs, dir, server)?;
    }
    Ok(users)
}

fn start(programs: &Programs, dir: &Path, server: &Path) -> Result<(), Error> {
    if server.exists() {
        fs::remove_dir_all(server).map_err(Error::io("remove", server))?;
    }
    fs::create_dir(server).map_err(Error::io("make", server))?;
    let settings = Settings::default();
    make(programs, server, &settings)?;
    // Not waited for: it outlives this process.
    drop(launch(programs, server, PORT, &settings)?);
    Command::new("sh")
        .args(["-c", WATCH, "sh"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map(drop)
        .map_err(Error::io("run", "sh"))
}

fn lock_file(path: &Path) -> Result<File, Error> {
    File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(Error::io("open", path))
}
