//! The data directory: folders and files that only their owner may read, and the lock that keeps a second process out.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// The name of the database in the data directory.
pub const DATABASE_FILE: &str = "thumbturn.db";
/// The name of the key file in the data directory, unless the settings say otherwise.
pub const KEY_FILE: &str = "secrets.key";
const LOCK_FILE: &str = "thumbturn.lock";

/// Makes the data directory, mode 0700, if it is not there.
pub(crate) fn make_dir(path: &Path) -> Result<(), OpenError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| io_error(path, source))
}

/// Takes the lock of the data directory. It is held until the file is dropped, also by a crash.
pub(crate) fn lock_dir(data_dir: &Path) -> Result<File, OpenError> {
    let path = data_dir.join(LOCK_FILE);
    let file = private().create(true).truncate(false).open(&path).map_err(|source| io_error(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: data_dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io_error(&path, source)),
    }
}

/// The node that a process with this data directory noted last.
pub(crate) fn noted_node(data_dir: &Path) -> Option<String> {
    let text = fs::read_to_string(data_dir.join(LOCK_FILE)).ok()?;
    uuid::Uuid::try_parse(text.trim()).ok().map(|id| id.to_string())
}

/// Notes which node this process is, in the file of the lock that it holds. Without the note the next start waits for the
/// end of a lease, so a disk that takes none stops nobody.
pub(crate) fn note_node(data_dir: &Path, node: &str) {
    if let Err(error) = fs::write(data_dir.join(LOCK_FILE), node) {
        tracing::warn!(%error, "who this node is could not be noted in the data directory");
    }
}

/// Makes an empty file, mode 0600, if it is not there. SQLite gives its side files the mode of the database.
pub(crate) fn make_private(path: &Path) -> Result<(), OpenError> {
    private().create(true).truncate(false).open(path).map(drop).map_err(|source| io_error(path, source))
}

/// Writes a new file, mode 0600, and makes sure that it is on disk. Fails if it is there. It appears whole or not at
/// all, also after a crash.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    let draft = PathBuf::from(draft);
    let mut file = private().create(true).truncate(true).open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    // A link and not a rename, so that a file that is there stays; not every file system has links.
    match fs::hard_link(&draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !path.exists() => fs::rename(&draft, path)?,
        linked => {
            fs::remove_file(&draft)?;
            linked?;
        }
    }
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Takes the right to read `path` from everybody but its owner, as a copy may have given it.
pub(crate) fn close_to_others(path: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = fs::metadata(path)
        && std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
    {
        let closed = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        match fs::set_permissions(path, closed) {
            Ok(()) => tracing::warn!(path = %path.display(), "others could read the database: its mode is 0600 now"),
            Err(error) => tracing::warn!(path = %path.display(), %error, "others may read the database"),
        }
    }
}

/// Warns if others than its owner may read `path`.
pub(crate) fn warn_if_open(path: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = fs::metadata(path)
        && std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
    {
        tracing::warn!(path = %path.display(), "others may read the key file: its mode should be 0600");
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

pub(crate) fn io_error(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { path: PathBuf::from(path), source }
}
