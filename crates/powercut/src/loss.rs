//! What is left after a cut. Everything that was synced is; of everything else a disk may have made anything.

use std::collections::BTreeMap;

use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use crate::Disk;
use crate::disk::{NodeId, State};
use crate::node::{Edit, Node};

/// How much a disk writes at a time. A torn write ends in one of these.
const SECTOR: usize = 512;

impl Disk {
    /// The disk that the machine finds when the power is back. This one is off from now on.
    ///
    /// Of each file, what was not synced is kept whole, lost, kept up to a torn write, or kept here and there in another
    /// order and with torn writes. Of names that were made or deleted and not synced, the last ones may be lost, for
    /// each name by itself.
    #[must_use]
    pub fn survivor(&self, chance: &mut Xoshiro256PlusPlus) -> Self {
        self.cut();
        let state = self.lock();
        let files: Vec<_> = names(&state, chance)
            .into_iter()
            .filter_map(|(name, id)| Some((name, content(state.nodes.get(&id)?, chance))))
            .collect();
        Self::holding(self.honesty, files)
    }
}

fn names(state: &State, chance: &mut Xoshiro256PlusPlus) -> BTreeMap<String, NodeId> {
    let mut names = state.safe_names.clone();
    let mut changes: BTreeMap<&String, Vec<Option<NodeId>>> = BTreeMap::new();
    for (name, becomes) in &state.unsynced_names {
        changes.entry(name).or_default().push(*becomes);
    }
    for (name, changes) in changes {
        let kept = chance.random_range(0..=changes.len());
        match changes[..kept].last() {
            Some(Some(id)) => drop(names.insert(name.clone(), *id)),
            Some(None) => drop(names.remove(name)),
            None => {}
        }
    }
    names
}

fn content(node: &Node, chance: &mut Xoshiro256PlusPlus) -> Vec<u8> {
    let mut content = node.safe.clone();
    let edits = &node.unsynced;
    match chance.random_range(0..10_u32) {
        0..2 => edits.iter().for_each(|edit| edit.apply(&mut content)),
        2..4 => {}
        4..6 => {
            let whole = chance.random_range(0..=edits.len());
            edits[..whole].iter().for_each(|edit| edit.apply(&mut content));
            if let Some(edit) = edits.get(whole) {
                tear(edit, &mut content, chance);
            }
        }
        _ => {
            let mut order: Vec<&Edit> = edits.iter().collect();
            if chance.random() {
                order.shuffle(chance);
            }
            for edit in order {
                match chance.random_range(0..3_u32) {
                    0 => edit.apply(&mut content),
                    1 => tear(edit, &mut content, chance),
                    _ => {}
                }
            }
        }
    }
    content
}

/// Writes only the first sectors of it; the one after them holds part of it, zeros, noise, or what it held before.
fn tear(edit: &Edit, content: &mut Vec<u8>, chance: &mut Xoshiro256PlusPlus) {
    let Edit::Write { offset, data } = edit else { return };
    let mut cuts = vec![0];
    let first = SECTOR - offset % SECTOR;
    cuts.extend((first..data.len()).step_by(SECTOR));
    cuts.push(data.len());
    let torn = chance.random_range(0..cuts.len() - 1);
    let (start, end) = (cuts[torn], cuts[torn + 1]);
    let mut written = data[..start].to_vec();
    let sector = &data[start..end];
    match chance.random_range(0..4_u32) {
        0 => written.extend(&sector[..chance.random_range(0..=sector.len())]),
        1 => written.extend(std::iter::repeat_n(0, sector.len())),
        2 => {
            let mut noise = vec![0; sector.len()];
            chance.fill_bytes(&mut noise);
            written.extend(noise);
        }
        _ => {}
    }
    Edit::Write { offset: *offset, data: written }.apply(content);
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;

    use super::*;
    use crate::Honesty;

    fn survivors(disk: &Disk) -> impl Iterator<Item = Disk> {
        (0..200).map(|seed| disk.survivor(&mut Xoshiro256PlusPlus::seed_from_u64(seed)))
    }

    fn read(disk: &Disk, name: &str) -> Option<Vec<u8>> {
        let id = disk.open(Some(name), false).ok()?;
        let mut content = vec![0; disk.size(id).unwrap()];
        disk.read(id, 0, &mut content).unwrap();
        Some(content)
    }

    fn write(disk: &Disk, id: NodeId, offset: usize, byte: u8, len: usize) {
        disk.edit(id, Edit::Write { offset, data: vec![byte; len] }).unwrap();
    }

    #[test]
    fn what_was_synced_is_always_there() {
        let disk = Disk::default();
        let id = disk.open(Some("file"), true).unwrap();
        write(&disk, id, 0, 7, 5000);
        disk.sync(id, true).unwrap();
        assert!(survivors(&disk).all(|disk| read(&disk, "file") == Some(vec![7; 5000])));
    }

    #[test]
    fn what_was_not_synced_is_kept_lost_or_torn() {
        let disk = Disk::default();
        let id = disk.open(Some("file"), true).unwrap();
        write(&disk, id, 0, 1, 2048);
        disk.sync(id, true).unwrap();
        write(&disk, id, 0, 2, 2048);
        write(&disk, id, 0, 3, 1024);
        let seen: HashSet<Vec<u8>> = survivors(&disk).map(|disk| read(&disk, "file").unwrap()).collect();
        let halves = |left: u8, right: u8| [vec![left; 1024], vec![right; 1024]].concat();
        assert!(seen.contains(&halves(1, 1)), "both lost");
        assert!(seen.contains(&halves(3, 2)), "both kept");
        assert!(seen.contains(&halves(3, 1)), "the first lost");
        assert!(seen.contains(&halves(2, 2)), "the second lost or overtaken");
        assert!(seen.len() > 20, "torn in many ways");
    }

    #[test]
    fn a_name_that_was_not_synced_may_be_lost_and_a_deleted_one_may_come_back() {
        let disk = Disk::default();
        let old = disk.open(Some("old"), true).unwrap();
        disk.sync(old, true).unwrap();
        let new = disk.open(Some("new"), true).unwrap();
        disk.sync(new, false).unwrap();
        disk.delete("old", false).unwrap();
        let seen: HashSet<_> = survivors(&disk).map(|disk| (disk.has("old"), disk.has("new"))).collect();
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn a_disk_that_lies_loses_what_it_called_safe() {
        for honesty in [Honesty::ForgetsFiles, Honesty::ForgetsFolders] {
            let disk = Disk::new(honesty);
            let id = disk.open(Some("file"), true).unwrap();
            write(&disk, id, 0, 7, 10);
            disk.sync(id, true).unwrap();
            assert!(survivors(&disk).any(|disk| read(&disk, "file") != Some(vec![7; 10])), "{honesty:?}");
        }
    }

    #[test]
    fn the_power_goes_at_the_operation_that_was_named_and_nothing_is_done_after_it() {
        let disk = Disk::default();
        let id = disk.open(Some("file"), true).unwrap();
        disk.cut_at(3);
        write(&disk, id, 0, 1, 10);
        write(&disk, id, 10, 1, 10);
        assert!(disk.is_on());
        assert_eq!(disk.sync(id, false), Err(crate::disk::Fault::Off));
        assert_eq!(disk.while_on(|| ()), None);
        assert_eq!((disk.operations(), disk.syncs("file")), (4, 0));
        assert!(survivors(&disk).any(|disk| read(&disk, "file") != Some(vec![1; 20])));
    }
}
