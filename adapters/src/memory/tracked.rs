//! Collections that track their changes, so that a durable store writes only the changed records after an operation.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Deref, Range};

/// A map that tracks changed and removed keys. Reads go to the map itself.
pub(crate) struct TrackedMap<K, V> {
    records: BTreeMap<K, V>,
    changed: Vec<K>,
    removed: Vec<(K, V)>,
}

impl<K, V> Default for TrackedMap<K, V> {
    fn default() -> Self {
        TrackedMap { records: BTreeMap::new(), changed: Vec::new(), removed: Vec::new() }
    }
}

impl<K, V> Deref for TrackedMap<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.records
    }
}

impl<K: Ord + Clone, V> TrackedMap<K, V> {
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let value = self.records.get_mut(key)?;
        self.changed.push(key.clone());
        Some(value)
    }

    pub fn get_or_insert_with(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        self.changed.push(key.clone());
        self.records.entry(key).or_insert_with(new)
    }

    pub fn insert(&mut self, key: K, value: V) {
        self.changed.push(key.clone());
        self.records.insert(key, value);
    }

    /// Inserts without tracking, for a change that need not survive the process.
    pub fn insert_untracked(&mut self, key: K, value: V) {
        self.records.insert(key, value);
    }

    /// Gives access without tracking, for a change that need not survive the process.
    pub fn get_mut_untracked(&mut self, key: &K) -> Option<&mut V> {
        self.records.get_mut(key)
    }

    pub fn remove(&mut self, key: &K) -> Option<&V> {
        let entry = self.records.remove_entry(key)?;
        self.removed.push(entry);
        self.removed.last().map(|removed| &removed.1)
    }

    pub fn retain(&mut self, mut keeps: impl FnMut(&K, &V) -> bool) {
        self.removed.extend(self.records.extract_if(.., |key, value| !keeps(key, value)));
    }

    /// Takes the changes since the last call: removed entries, and keys that were changed and still exist.
    pub fn take_changes(&mut self) -> (Vec<(K, V)>, Vec<K>) {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        changed.retain(|key| self.records.contains_key(key));
        (std::mem::take(&mut self.removed), changed)
    }

    pub fn forget_changes(&mut self) {
        self.changed.clear();
        self.removed.clear();
    }
}

/// A sequence that grows at its end and is cut at its start. Entries are numbered from zero; a number is never used twice.
pub(crate) struct BoundedLog<T> {
    entries: VecDeque<T>,
    end: u64,
    /// Numbers of the entries at the last [`BoundedLog::take_changes`].
    written: Range<u64>,
}

impl<T> Default for BoundedLog<T> {
    fn default() -> Self {
        BoundedLog { entries: VecDeque::new(), end: 0, written: 0..0 }
    }
}

impl<T> Deref for BoundedLog<T> {
    type Target = VecDeque<T>;

    fn deref(&self) -> &VecDeque<T> {
        &self.entries
    }
}

impl<T> BoundedLog<T> {
    /// Appends `entry` and removes the oldest entries beyond `length`.
    pub fn push(&mut self, entry: T, length: usize) {
        self.entries.push_back(entry);
        self.end += 1;
        while self.entries.len() > length {
            self.entries.pop_front();
        }
    }

    pub fn pop_front(&mut self) -> Option<T> {
        self.entries.pop_front()
    }

    /// Number of the next entry.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Restores the entry with this number. Entries are restored in the order of their numbers.
    pub fn restore(&mut self, number: u64, entry: T) {
        if self.entries.is_empty() {
            self.restore_end(number);
        }
        self.entries.push_back(entry);
        self.end = number + 1;
        self.written.end = self.end;
    }

    /// Restores an empty log whose next entry is number `end`.
    pub fn restore_end(&mut self, end: u64) {
        self.end = end;
        self.written = end..end;
    }

    /// Takes the changes since the last call: numbers of removed entries, and new entries.
    pub fn take_changes(&mut self) -> (Range<u64>, impl Iterator<Item = (u64, &T)>) {
        let now = self.end - self.entries.len() as u64..self.end;
        let before = std::mem::replace(&mut self.written, now.clone());
        let removed = before.start..before.end.min(now.start);
        let added_from = before.end.max(now.start);
        let skip = (added_from - now.start) as usize;
        (removed, (added_from..now.end).zip(self.entries.iter().skip(skip)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_tracks_changed_and_removed_entries() {
        let mut map: TrackedMap<u8, &str> = TrackedMap::default();
        map.insert(1, "one");
        map.insert(2, "two");
        map.insert_untracked(3, "three");
        *map.get_mut(&1).unwrap() = "eins";
        assert_eq!(map.take_changes(), (vec![], vec![1, 2]));
        map.remove(&1);
        map.retain(|key, _| *key != 3);
        assert_eq!(map.get_mut(&9), None);
        assert_eq!(map.take_changes(), (vec![(1, "eins"), (3, "three")], vec![]));
        assert_eq!(map.take_changes(), (vec![], vec![]));
    }

    #[test]
    fn a_log_tracks_new_and_removed_entries() {
        let mut log = BoundedLog::default();
        let changes = |log: &mut BoundedLog<char>| {
            let (removed, added) = log.take_changes();
            let added: Vec<(u64, char)> = added.map(|(number, entry)| (number, *entry)).collect();
            (removed.collect::<Vec<u64>>(), added)
        };
        for entry in ['a', 'b', 'c'] {
            log.push(entry, 2);
        }
        assert_eq!(changes(&mut log), (vec![], vec![(1, 'b'), (2, 'c')]));
        log.push('d', 2);
        assert_eq!(changes(&mut log), (vec![1], vec![(3, 'd')]));
        log.pop_front();
        log.pop_front();
        assert_eq!(changes(&mut log), (vec![2, 3], vec![]));
        assert_eq!((log.len(), log.end()), (0, 4));

        let mut restored = BoundedLog::default();
        restored.restore(7, 'x');
        restored.restore(8, 'y');
        restored.push('z', 2);
        assert_eq!(changes(&mut restored), (vec![7], vec![(9, 'z')]));
    }
}
