//! PostgreSQL's programs, and the user that runs them.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// Where the programs are, and as whom they run.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
    /// User and group, if this process is root.
    user: Option<(u32, u32)>,
}

impl Programs {
    pub(crate) fn find() -> Result<Self, Error> {
        let folder = newest_debian().or_else(in_path).ok_or(Error::NotInstalled)?;
        let user = if rustix::process::geteuid().is_root() { Some(unprivileged()?) } else { None };
        Ok(Self { folder, user })
    }

    /// A command that runs as the user that PostgreSQL wants.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.folder.join(program));
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// Runs a program to its end; what it said.
    pub(crate) fn run(&self, program: &'static str, arguments: &[&str]) -> Result<String, Error> {
        let output =
            self.command(program).args(arguments).output().map_err(Error::io("run", self.folder.join(program)))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Error::Failed { program, said: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
    }

    /// Makes a folder that the programs may write in.
    pub(crate) fn make_folder(&self, path: &Path) -> Result<(), Error> {
        fs::create_dir_all(path).map_err(Error::io("make", path))?;
        self.give(path)
    }

    /// Gives a file or folder to the user that runs the programs.
    pub(crate) fn give(&self, path: &Path) -> Result<(), Error> {
        match self.user {
            None => Ok(()),
            Some((user, group)) => chown(path, Some(user), Some(group)).map_err(Error::io("give away", path)),
        }
    }
}

/// Debian keeps every version in a folder of its own.
fn newest_debian() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut found: Vec<_> = versions.filter_map(|entry| Some((version(&entry.path())?, entry.path()))).collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path.join("bin")).find(|path| path.join("postgres").is_file())
}

fn in_path() -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).find(|folder| folder.join("postgres").is_file())
}

fn unprivileged() -> Result<(u32, u32), Error> {
    let users = fs::read_to_string("/etc/passwd").map_err(Error::io("read", "/etc/passwd"))?;
    let ids = |name: &str| {
        let mut fields = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres").or_else(|| ids("nobody")).ok_or(Error::NoUser)
}
