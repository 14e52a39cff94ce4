//! Starting other programs: where they run, how they are echoed, what their failure says.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What can go wrong in a task.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program could not be started.
    #[error("could not run `{command}`: {source}")]
    Start {
        /// The command line, for people.
        command: String,
        /// Why it did not start.
        source: io::Error,
    },
    /// A program ran and said no.
    #[error("`{command}` failed ({status})")]
    Failed {
        /// The command line, for people.
        command: String,
        /// The exit status in words.
        status: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// Anything that needs a sentence.
    #[error("{0}")]
    Message(String),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Names the file in an I/O error.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.display().to_string(), source }
    }
}

/// The root of the checkout; every command starts there.
pub(crate) struct Root {
    folder: PathBuf,
    /// Of another checkout, if what is built there is to be shared.
    target: Option<PathBuf>,
}

impl Root {
    /// The parent of this crate's folder, or the current folder for a binary that was moved.
    pub(crate) fn find() -> Result<Self> {
        let start = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
        let start = start.canonicalize().map_err(Error::file(&start))?;
        start
            .ancestors()
            .find(|folder| folder.join("Cargo.lock").is_file())
            .map(|folder| Self { folder: folder.to_path_buf(), target: None })
            .ok_or_else(|| Error::Message("run this inside the checkout".to_owned()))
    }

    /// A path inside the checkout.
    pub(crate) fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.join(path)
    }

    /// Another folder with a copy of the sources, which shares what is built here.
    pub(crate) fn moved_to(&self, folder: PathBuf) -> Self {
        Self { folder, target: Some(self.target()) }
    }

    /// A command in the root. Debian keeps daemons in `/usr/sbin`, which users do not search.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(&self.folder).stdin(Stdio::null());
        command.env("PATH", search_path());
        command
    }

    /// This toolchain's cargo.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = self.command(env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from));
        if let Some(target) = &self.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        command
    }

    /// Where cargo puts its results.
    pub(crate) fn target(&self) -> PathBuf {
        let set = || env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.join("target"), |dir| self.join(dir));
        self.target.clone().unwrap_or_else(set)
    }
}

/// `PATH` with the folders of system daemons behind it.
fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    env::join_paths(folders).unwrap_or(path)
}

/// True if a program of this name can be found.
pub(crate) fn is_installed(program: &str) -> bool {
    find_program(program).is_some()
}

/// Where the program of this name is.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Runs to the end with its output on ours; failure is an error.
pub(crate) fn must_succeed(command: &mut Command) -> Result<()> {
    let words = announce(command);
    let status = command.status().map_err(|source| Error::Start { command: words.clone(), source })?;
    if status.success() { Ok(()) } else { Err(Error::Failed { command: words, status: status.to_string() }) }
}

/// Runs quietly and hands back what it printed; failure is an error that holds its stderr.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let words = in_words(command);
    let output = command.output().map_err(|source| Error::Start { command: words.clone(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(Error::Message(format!("`{words}` failed ({}): {}", output.status, stderr.trim())))
}

/// True if it ran and succeeded; prints nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs with its output on ours while `read` sees each line of stdout. True if it succeeded.
pub(crate) fn watch(command: &mut Command, read: impl FnMut(&str)) -> Result<bool> {
    let words = announce(command);
    let running = || -> io::Result<bool> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        if let Some(stdout) = child.stdout.take() {
            repeat_lines(stdout, read)?;
        }
        Ok(child.wait()?.success())
    };
    running().map_err(|source| Error::Start { command: words, source })
}

/// The same for a program that says what matters on stderr: `read` sees the lines of both.
pub(crate) fn watch_all(mut command: Command, read: impl FnMut(&str)) -> Result<bool> {
    let words = announce(&command);
    let running = || -> io::Result<bool> {
        let (reader, writer) = io::pipe()?;
        let mut child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
        // Its ends of the pipe: without them here the lines end with the program.
        drop(command);
        repeat_lines(reader, read)?;
        Ok(child.wait()?.success())
    };
    running().map_err(|source| Error::Start { command: words, source })
}

fn repeat_lines(from: impl Read, mut read: impl FnMut(&str)) -> io::Result<()> {
    for line in BufReader::new(from).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        read(&line);
    }
    Ok(())
}

fn announce(command: &Command) -> String {
    let words = in_words(command);
    println!("\n$ {words}");
    words
}

/// The command line without folders that only this machine has.
fn in_words(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
