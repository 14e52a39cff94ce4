//! A disk that loses power, for tests of what survives it.
//!
//! [`Disk`] holds files in memory the way a real machine does: what was written is seen at once by everybody, and is
//! safe once it was synced. SQLite works on it through a VFS ([`mount`]). At a chosen operation the power goes
//! ([`Disk::cut_at`]); what a machine would find afterwards is [`Disk::survivor`]: everything that was synced, and of
//! everything else whatever a disk may have made of it.
//!
//! What lives in `tests`: the real engine on the real store on such a disk, and what must hold after every cut.
//!
//! Nothing here is linked by the product. It is the only crate with `unsafe` in it: a VFS is a table of C functions.

mod disk;
mod locks;
mod loss;
mod node;
mod vfs;

pub use disk::{Disk, Honesty};
pub use vfs::{Mount, VFS, mount};
