//! The VFS: the C functions through which `SQLite` uses a [`Disk`].
//!
//! It does what `SQLite`'s own VFS for Unix does about durability. The folder is synced with the first sync of each
//! journal and log that was opened (`unixSync`, `UNIXFILE_DIRSYNC`) and after a deletion that asks for it
//! (`unixDelete`). A write does no harm to what lies beside it (`SQLITE_IOCAP_POWERSAFE_OVERWRITE`), and nothing else is
//! promised. Locks and shared memory are those of one process.
//!
//! The database itself is made when it is opened, and its name is not synced then: the store makes it before.
#![expect(unsafe_code, reason = "SQLite calls a VFS through a table of C functions")]

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::slice;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use rusqlite::ffi;

use crate::Disk;
use crate::disk::{Fault, NodeId};
use crate::locks::{Handle, Level, REGION};
use crate::node::Edit;

/// The name of the VFS. It exists as soon as something was mounted.
pub const VFS: &str = "powercut";
const VFS_C: &CStr = c"powercut";

type Mounts = HashMap<PathBuf, Arc<Disk>>;

static MOUNTS: LazyLock<Mutex<Mounts>> = LazyLock::new(Mutex::default);
static REGISTERED: LazyLock<c_int> = LazyLock::new(register);
static NEXT_HANDLE: AtomicU64 = AtomicU64::new(1);

/// A disk in its place. It leaves it when this is dropped; what is open on it stays open.
#[derive(Debug)]
pub struct Mount(PathBuf);

/// Puts `disk` where `folder` is: `SQLite` finds the files of this folder on it, under the VFS [`VFS`].
///
/// # Panics
/// If SQLite refuses the VFS.
#[must_use]
pub fn mount(folder: &Path, disk: Arc<Disk>) -> Mount {
    assert_eq!(*REGISTERED, ffi::SQLITE_OK, "SQLite refuses the VFS");
    mounts().insert(folder.to_owned(), disk);
    Mount(folder.to_owned())
}

impl Drop for Mount {
    fn drop(&mut self) {
        mounts().remove(&self.0);
    }
}

fn mounts() -> MutexGuard<'static, Mounts> {
    MOUNTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The disk and the name of a file on it.
fn place(path: &Path) -> Option<(Arc<Disk>, String)> {
    let disk = mounts().get(path.parent()?).map(Arc::clone)?;
    Some((disk, path.file_name()?.to_str()?.to_owned()))
}

/// An open file.
struct Open {
    disk: Arc<Disk>,
    node: NodeId,
    handle: Handle,
    /// Whether its next sync syncs the folder as well.
    folder_too: AtomicBool,
}

/// What SQLite allocates for an open file: its own part first, then ours.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    open: *mut Open,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

fn register() -> c_int {
    // SAFETY: a null name asks for the default VFS; SQLite initializes itself where it has to.
    let system = unsafe { ffi::sqlite3_vfs_find(std::ptr::null()) };
    // SAFETY: what is found is registered for as long as the program runs.
    let Some(system) = (unsafe { system.as_ref() }) else { return ffi::SQLITE_ERROR };
    // Time, sleep and chance are the system's; its functions for them do not look at the VFS that they are given.
    let ours = ffi::sqlite3_vfs {
        iVersion: 2,
        szOsFile: size_of::<File>() as c_int,
        pNext: null_mut(),
        zName: VFS_C.as_ptr(),
        pAppData: null_mut(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        ..*system
    };
    let ours = Box::leak(Box::new(ours));
    // SAFETY: it is leaked, so it lives as long as SQLite uses it, and all of its functions are set.
    unsafe { ffi::sqlite3_vfs_register(ours, 0) }
}

/// `SQLite`'s number for it.
fn code(result: Result<(), Fault>, off: c_int) -> c_int {
    match result {
        Ok(()) => ffi::SQLITE_OK,
        Err(Fault::Off) => off,
        Err(Fault::NotThere) => ffi::SQLITE_CANTOPEN,
        Err(Fault::Busy) => ffi::SQLITE_BUSY,
    }
}

/// # Safety
/// `text` is null or a C string that lives as long as `'a`.
unsafe fn path<'a>(text: *const c_char) -> Option<&'a Path> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, and promised by the caller.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().ok().map(Path::new)
}

/// # Safety
/// `file` was opened by [`open`] and is not closed.
unsafe fn opened<'a>(file: *mut ffi::sqlite3_file) -> &'a Open {
    // SAFETY: SQLite allocated `szOsFile` bytes for it, which `open` filled.
    let file = unsafe { &*file.cast::<File>() };
    // SAFETY: `open` put a box there, which only `close` takes away.
    unsafe { &*file.open }
}

unsafe extern "C" fn open(
    _vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let file = file.cast::<File>();
    // SAFETY: SQLite allocated `szOsFile` bytes for it. No methods: nothing to close.
    unsafe { (*file).base.pMethods = std::ptr::null() };
    // SAFETY: SQLite gives null or a C string.
    let found = match unsafe { path(name) } {
        Some(path) => place(path).map(|(disk, name)| (disk, Some(name))),
        None => Some((Arc::default(), None)),
    };
    let Some((disk, name)) = found else { return ffi::SQLITE_CANTOPEN };
    let makes = flags & (ffi::SQLITE_OPEN_CREATE | ffi::SQLITE_OPEN_MAIN_DB) != 0;
    let journals = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
    let folder_too = flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & journals != 0;
    let node = match disk.open(name.as_deref(), makes) {
        Ok(node) => node,
        Err(_) => return ffi::SQLITE_CANTOPEN,
    };
    let handle = Handle(NEXT_HANDLE.fetch_add(1, Ordering::Relaxed));
    let open = Box::into_raw(Box::new(Open { disk, node, handle, folder_too: AtomicBool::new(folder_too) }));
    let base = ffi::sqlite3_file { pMethods: &raw const METHODS };
    // SAFETY: as above; nothing that is there needs to be dropped.
    unsafe { file.write(File { base, open }) };
    // SAFETY: null, or a place for a number.
    if let Some(out_flags) = unsafe { out_flags.as_mut() } {
        *out_flags = flags;
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: SQLite gives a C string.
    let Some((disk, name)) = unsafe { path(name) }.and_then(place) else { return ffi::SQLITE_IOERR_DELETE };
    match disk.delete(&name, sync_folder & 1 != 0) {
        Err(Fault::NotThere) => ffi::SQLITE_IOERR_DELETE_NOENT,
        result => code(result, ffi::SQLITE_IOERR_DELETE),
    }
}

unsafe extern "C" fn access(_vfs: *mut ffi::sqlite3_vfs, name: *const c_char, _flags: c_int, out: *mut c_int) -> c_int {
    // SAFETY: SQLite gives a C string.
    let found = unsafe { path(name) }.and_then(place);
    let is_there = found.is_some_and(|(disk, name)| disk.has(&name));
    // SAFETY: SQLite gives a place for a number.
    unsafe { *out = c_int::from(is_there) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite gives a C string. Paths are given in full here.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if usize::try_from(room).is_ok_and(|room| room < name.len()) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: `out` has `room` bytes, which are enough, and is no part of `name`.
    unsafe { std::ptr::copy_nonoverlapping(name.as_ptr().cast(), out, name.len()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { &mut *file.cast::<File>() };
    file.base.pMethods = std::ptr::null();
    // SAFETY: `open` made this box, and SQLite closes a file once.
    let open = unsafe { Box::from_raw(file.open) };
    open.disk.close(open.node, open.handle);
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, len: c_int, offset: i64) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { opened(file) };
    let (Ok(len), Ok(offset)) = (usize::try_from(len), usize::try_from(offset)) else { return ffi::SQLITE_IOERR_READ };
    // SAFETY: SQLite gives `len` bytes, which nobody else uses meanwhile.
    let into = unsafe { slice::from_raw_parts_mut(into.cast::<u8>(), len) };
    match file.disk.read(file.node, offset, into) {
        Ok(read) if read == len => ffi::SQLITE_OK,
        Ok(read) => {
            into[read..].fill(0);
            ffi::SQLITE_IOERR_SHORT_READ
        }
        Err(_) => ffi::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, len: c_int, offset: i64) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { opened(file) };
    let (Ok(len), Ok(offset)) = (usize::try_from(len), usize::try_from(offset)) else { return ffi::SQLITE_IOERR_WRITE };
    // SAFETY: SQLite gives `len` bytes.
    let data = unsafe { slice::from_raw_parts(from.cast::<u8>(), len) }.to_vec();
    code(file.disk.edit(file.node, Edit::Write { offset, data }), ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, len: i64) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { opened(file) };
    let Ok(len) = usize::try_from(len) else { return ffi::SQLITE_IOERR_TRUNCATE };
    code(file.disk.edit(file.node, Edit::Truncate(len)), ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { opened(file) };
    let folder_too = file.folder_too.swap(false, Ordering::Relaxed);
    code(file.disk.sync(file.node, folder_too), ffi::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut i64) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { opened(file) };
    let Ok(size) = file.disk.size(file.node) else { return ffi::SQLITE_IOERR_FSTAT };
    // SAFETY: SQLite gives a place for a number.
    unsafe { *out = i64::try_from(size).unwrap_or(i64::MAX) };
    ffi::SQLITE_OK
}

const fn level(number: c_int) -> Level {
    match number {
        ffi::SQLITE_LOCK_NONE => Level::Unlocked,
        ffi::SQLITE_LOCK_SHARED => Level::Shared,
        ffi::SQLITE_LOCK_RESERVED => Level::Reserved,
        ffi::SQLITE_LOCK_PENDING => Level::Pending,
        _ => Level::Exclusive,
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, wanted: c_int) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { opened(file) };
    code(file.disk.lock_file(file.node, file.handle, level(wanted)), ffi::SQLITE_IOERR_LOCK)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, to: c_int) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { opened(file) };
    file.disk.unlock_file(file.node, file.handle, level(to));
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { opened(file) };
    let Ok(is_reserved) = file.disk.is_reserved(file.node) else { return ffi::SQLITE_IOERR_CHECKRESERVEDLOCK };
    // SAFETY: SQLite gives a place for a number.
    unsafe { *out = c_int::from(is_reserved) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_file: *mut ffi::sqlite3_file, _what: c_int, _argument: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_file: *mut ffi::sqlite3_file) -> c_int {
    4096
}

unsafe extern "C" fn device_characteristics(_file: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    index: c_int,
    size: c_int,
    make: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { opened(file) };
    let (Ok(index), Ok(REGION)) = (usize::try_from(index), usize::try_from(size)) else {
        return ffi::SQLITE_IOERR_SHMMAP;
    };
    let Ok(region) = file.disk.map(file.node, file.handle, index, make != 0) else { return ffi::SQLITE_IOERR_SHMMAP };
    // SAFETY: SQLite gives a place for a pointer. What it points to stays there until this file has called `shm_unmap`.
    unsafe { *out = region.unwrap_or(null_mut()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { opened(file) };
    let (Ok(first), Ok(count)) = (usize::try_from(first), usize::try_from(count)) else {
        return ffi::SQLITE_IOERR_SHMLOCK;
    };
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        file.disk.unlock_memory(file.node, file.handle, (first, count));
        return ffi::SQLITE_OK;
    }
    let alone = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
    code(file.disk.lock_memory(file.node, file.handle, (first, count), alone), ffi::SQLITE_IOERR_SHMLOCK)
}

unsafe extern "C" fn shm_barrier(_file: *mut ffi::sqlite3_file) {
    std::sync::atomic::fence(Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _delete: c_int) -> c_int {
    // SAFETY: the file is open.
    let file = unsafe { opened(file) };
    file.disk.unmap(file.node, file.handle);
    ffi::SQLITE_OK
}
