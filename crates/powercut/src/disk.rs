//! The disk: one folder of files, a power switch, and a count of everything that changes something.

use std::collections::{BTreeMap, HashMap};
use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::locks::{Handle, Level};
use crate::node::{Edit, Node};

/// One file, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(u64);

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// There is no power.
    #[error("the power is off")]
    Off,
    /// There is no such file.
    #[error("there is no such file")]
    NotThere,
    /// Another connection holds the lock.
    #[error("another connection holds the lock")]
    Busy,
}

/// Whether a disk does what it says. The other ones prove that the tests notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Honesty {
    /// What it says is synced is safe.
    #[default]
    Honest,
    /// It says that a file is synced, and does nothing. So does `synchronous=OFF`.
    ForgetsFiles,
    /// It says that a folder is synced, and does nothing.
    ForgetsFolders,
}

/// A disk with one folder of files.
#[derive(Debug)]
pub struct Disk {
    pub(crate) honesty: Honesty,
    pub(crate) state: Mutex<State>,
    went_off: Notify,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    is_off: bool,
    done: u64,
    cut_at: Option<u64>,
    next: u64,
    pub(crate) nodes: HashMap<NodeId, Node>,
    /// The folder as everybody sees it.
    names: BTreeMap<String, NodeId>,
    /// The folder as a cut leaves it at least.
    pub(crate) safe_names: BTreeMap<String, NodeId>,
    /// What was made and deleted since: the name, and the file that it names from then on.
    pub(crate) unsynced_names: Vec<(String, Option<NodeId>)>,
    syncs: BTreeMap<String, u64>,
}

impl Default for Disk {
    fn default() -> Self {
        Self::new(Honesty::Honest)
    }
}

impl Disk {
    /// An empty disk with power.
    #[must_use]
    pub fn new(honesty: Honesty) -> Self {
        Self { honesty, state: Mutex::default(), went_off: Notify::new() }
    }

    /// A disk on which these files are safe.
    pub(crate) fn holding(honesty: Honesty, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let disk = Self::new(honesty);
        {
            let mut state = disk.lock();
            for (name, content) in files {
                let id = state.add(Node::named(Some(&name), content));
                state.names.insert(name.clone(), id);
                state.safe_names.insert(name, id);
            }
        }
        disk
    }

    /// The power goes in the middle of the operation `nth` from now on, counting from 1. Operations are writes,
    /// truncations, syncs of files and folders, and files that are made or deleted.
    pub fn cut_at(&self, nth: u64) {
        let mut state = self.lock();
        state.cut_at = Some(state.done.saturating_add(nth.max(1)));
    }

    /// The power goes now.
    pub fn cut(&self) {
        self.lock().is_off = true;
        self.went_off.notify_one();
    }

    /// Whether there is power.
    pub fn is_on(&self) -> bool {
        !self.lock().is_off
    }

    /// Waits until the power has gone. For one waiter.
    pub async fn off(&self) {
        while self.is_on() {
            self.went_off.notified().await;
        }
    }

    /// Does `work` if there is power, which does not go meanwhile. For what else stops with the machine.
    pub fn while_on<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let state = self.lock();
        let done = (!state.is_off).then(work);
        drop(state);
        done
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.lock().done
    }

    /// How often the file of that name was synced.
    pub fn syncs(&self, name: &str) -> u64 {
        self.lock().syncs.get(name).copied().unwrap_or(0)
    }

    /// Whether there is a file of that name.
    pub fn has(&self, name: &str) -> bool {
        self.lock().names.contains_key(name)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation. The one in which the power goes is not done, or not known to be.
    fn step(&self, state: &mut State) -> Result<(), Fault> {
        state.powered()?;
        state.done += 1;
        if state.cut_at == Some(state.done) {
            state.is_off = true;
            self.went_off.notify_one();
        }
        state.powered()
    }

    /// Opens a file; one that is not there is made if `make` says so, and so is one without a name.
    pub(crate) fn open(&self, name: Option<&str>, make: bool) -> Result<NodeId, Fault> {
        let mut state = self.lock();
        state.powered()?;
        let Some(name) = name else { return Ok(state.add(Node::default())) };
        if let Some(id) = state.names.get(name) {
            return Ok(*id);
        }
        if !make {
            return Err(Fault::NotThere);
        }
        let id = state.add(Node::named(Some(name), Vec::new()));
        state.names.insert(name.to_owned(), id);
        state.unsynced_names.push((name.to_owned(), Some(id)));
        self.step(&mut state).map(|()| id)
    }

    /// The file was closed; a temporary one is gone with that.
    pub(crate) fn close(&self, id: NodeId, handle: Handle) {
        let mut state = self.lock();
        let Some(node) = state.nodes.get_mut(&id) else { return };
        node.locks.forget(handle);
        node.memory.unmap(handle);
        if node.name.is_none() {
            state.nodes.remove(&id);
        }
    }

    /// Deletes a name.
    pub(crate) fn delete(&self, name: &str, then_sync: bool) -> Result<(), Fault> {
        let mut state = self.lock();
        state.powered()?;
        state.names.remove(name).ok_or(Fault::NotThere)?;
        state.unsynced_names.push((name.to_owned(), None));
        self.step(&mut state)?;
        if then_sync { self.sync_folder(&mut state) } else { Ok(()) }
    }

    pub(crate) fn edit(&self, id: NodeId, edit: Edit) -> Result<(), Fault> {
        let mut state = self.lock();
        let node = state.node(id)?;
        let counts = node.name.is_some();
        node.edit(edit);
        if counts { self.step(&mut state) } else { Ok(()) }
    }

    /// Syncs a file, and the folder after it if `folder` says so.
    pub(crate) fn sync(&self, id: NodeId, folder: bool) -> Result<(), Fault> {
        let mut state = self.lock();
        let Some(name) = state.node(id)?.name.clone() else { return Ok(()) };
        self.step(&mut state)?;
        *state.syncs.entry(name).or_default() += 1;
        if self.honesty != Honesty::ForgetsFiles {
            state.node(id)?.sync();
        }
        if folder { self.sync_folder(&mut state) } else { Ok(()) }
    }

    fn sync_folder(&self, state: &mut State) -> Result<(), Fault> {
        self.step(state)?;
        if self.honesty == Honesty::Honest {
            state.safe_names = state.names.clone();
            state.unsynced_names.clear();
        }
        Ok(())
    }

    pub(crate) fn read(&self, id: NodeId, offset: usize, into: &mut [u8]) -> Result<usize, Fault> {
        Ok(self.lock().node(id)?.read(offset, into))
    }

    pub(crate) fn size(&self, id: NodeId) -> Result<usize, Fault> {
        Ok(self.lock().node(id)?.now.len())
    }

    pub(crate) fn lock_file(&self, id: NodeId, handle: Handle, level: Level) -> Result<(), Fault> {
        busy_unless(self.lock().node(id)?.locks.lock(handle, level))
    }

    pub(crate) fn unlock_file(&self, id: NodeId, handle: Handle, level: Level) {
        if let Some(node) = self.lock().nodes.get_mut(&id) {
            node.locks.unlock(handle, level);
        }
    }

    pub(crate) fn is_reserved(&self, id: NodeId) -> Result<bool, Fault> {
        Ok(self.lock().node(id)?.locks.is_reserved())
    }

    pub(crate) fn map(
        &self,
        id: NodeId,
        handle: Handle,
        index: usize,
        make: bool,
    ) -> Result<Option<*mut c_void>, Fault> {
        Ok(self.lock().node(id)?.memory.map(handle, index, make))
    }

    pub(crate) fn lock_memory(
        &self,
        id: NodeId,
        handle: Handle,
        slots: (usize, usize),
        alone: bool,
    ) -> Result<(), Fault> {
        busy_unless(self.lock().node(id)?.memory.lock(handle, slots.0, slots.1, alone))
    }

    pub(crate) fn unlock_memory(&self, id: NodeId, handle: Handle, slots: (usize, usize)) {
        if let Some(node) = self.lock().nodes.get_mut(&id) {
            node.memory.unlock(handle, slots.0, slots.1);
        }
    }

    pub(crate) fn unmap(&self, id: NodeId, handle: Handle) {
        if let Some(node) = self.lock().nodes.get_mut(&id) {
            node.memory.unmap(handle);
        }
    }
}

impl State {
    fn powered(&self) -> Result<(), Fault> {
        if self.is_off { Err(Fault::Off) } else { Ok(()) }
    }

    fn node(&mut self, id: NodeId) -> Result<&mut Node, Fault> {
        self.powered()?;
        self.nodes.get_mut(&id).ok_or(Fault::NotThere)
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.next += 1;
        let id = NodeId(self.next);
        self.nodes.insert(id, node);
        id
    }
}

fn busy_unless(got: bool) -> Result<(), Fault> {
    if got { Ok(()) } else { Err(Fault::Busy) }
}
