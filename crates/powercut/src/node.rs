//! One file: what everybody sees of it, what is safe, and what was done to it since.

use crate::locks::{FileLocks, SharedMemory};

/// A change to a file's content that has not been synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    Write { offset: usize, data: Vec<u8> },
    Truncate(usize),
}

impl Edit {
    /// Makes the change.
    pub(crate) fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data } => {
                let end = offset + data.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(data);
            }
            Self::Truncate(len) => content.truncate(*len),
        }
    }
}

/// A file.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// The name under which it was made; none for a temporary file, which nobody finds again.
    pub(crate) name: Option<String>,
    /// What a reader sees.
    pub(crate) now: Vec<u8>,
    /// What a cut cannot take.
    pub(crate) safe: Vec<u8>,
    /// What leads from `safe` to `now`, in order.
    pub(crate) unsynced: Vec<Edit>,
    pub(crate) locks: FileLocks,
    pub(crate) memory: SharedMemory,
}

impl Node {
    pub(crate) fn named(name: Option<&str>, content: Vec<u8>) -> Self {
        Self { name: name.map(ToOwned::to_owned), safe: content.clone(), now: content, ..Self::default() }
    }

    pub(crate) fn edit(&mut self, edit: Edit) {
        edit.apply(&mut self.now);
        if self.name.is_some() {
            self.unsynced.push(edit);
        }
    }

    pub(crate) fn sync(&mut self) {
        for edit in self.unsynced.drain(..) {
            edit.apply(&mut self.safe);
        }
    }

    /// How many bytes were read; the rest of `into` lies behind the end of the file.
    pub(crate) fn read(&self, offset: usize, into: &mut [u8]) -> usize {
        let available = self.now.get(offset..).unwrap_or_default();
        let read = available.len().min(into.len());
        into[..read].copy_from_slice(&available[..read]);
        read
    }
}
