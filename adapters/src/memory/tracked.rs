//! Records that note which of them changed, so that a durable store knows what to write after an operation.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Deref, Range};

/// A map. Whatever changes it notes the key; reading is reading the map.
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

    /// A change that need not outlive the process.
    pub fn insert_passing(&mut self, key: K, value: V) {
        self.records.insert(key, value);
    }

    /// For a change that need not outlive the process.
    pub fn get_mut_passing(&mut self, key: &K) -> Option<&mut V> {
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

    /// What was removed, and then what was changed and is still there, since the last call.
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

/// A sequence that grows at its end and is forgotten from its beginning. Its entries are numbered from zero, for good.
pub(crate) struct BoundedLog<T> {
    entries: VecDeque<T>,
    end: u64,
    /// The numbers that were there at the last [`BoundedLog::take_changes`].
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
    /// Adds `entry`, and forgets what is then more than `length`.
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

    /// The number that the next entry gets.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Puts an entry back that was written as `number`, behind those with lower numbers.
    pub fn restore(&mut self, number: u64, entry: T) {
        if self.entries.is_empty() {
            self.restore_end(number);
        }
        self.entries.push_back(entry);
        self.end = number + 1;
        self.written.end = self.end;
    }

    /// Nothing is there, and the next entry is number `end`.
    pub fn restore_end(&mut self, end: u64) {
        self.end = end;
        self.written = end..end;
    }

    /// The numbers that went, and the entries that came, since the last call.
    pub fn take_changes(&mut self) -> (Range<u64>, impl Iterator<Item = (u64, &T)>) {
        let now = self.end - self.entries.len() as u64..self.end;
        let before = std::mem::replace(&mut self.written, now.clone());
        let gone = before.start..before.end.min(now.start);
        let came = before.end.max(now.start);
        let skip = (came - now.start) as usize;
        (gone, (came..now.end).zip(self.entries.iter().skip(skip)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_tells_what_changed_and_what_went_since_it_was_asked() {
        let mut kept: TrackedMap<u8, &str> = TrackedMap::default();
        kept.insert(1, "one");
        kept.insert(2, "two");
        kept.insert_passing(3, "three");
        *kept.get_mut(&1).unwrap() = "eins";
        assert_eq!(kept.take_changes(), (vec![], vec![1, 2]));
        kept.remove(&1);
        kept.retain(|key, _| *key != 3);
        assert_eq!(kept.get_mut(&9), None);
        assert_eq!(kept.take_changes(), (vec![(1, "eins"), (3, "three")], vec![]));
        assert_eq!(kept.take_changes(), (vec![], vec![]));
    }

    #[test]
    fn a_trail_tells_what_came_and_what_went_since_it_was_asked() {
        let mut trail = BoundedLog::default();
        let changes = |trail: &mut BoundedLog<char>| {
            let (gone, came) = trail.take_changes();
            let came: Vec<(u64, char)> = came.map(|(number, entry)| (number, *entry)).collect();
            (gone.collect::<Vec<u64>>(), came)
        };
        for entry in ['a', 'b', 'c'] {
            trail.push(entry, 2);
        }
        assert_eq!(changes(&mut trail), (vec![], vec![(1, 'b'), (2, 'c')]));
        trail.push('d', 2);
        assert_eq!(changes(&mut trail), (vec![1], vec![(3, 'd')]));
        trail.pop_front();
        trail.pop_front();
        assert_eq!(changes(&mut trail), (vec![2, 3], vec![]));
        assert_eq!((trail.len(), trail.end()), (0, 4));

        let mut restored = BoundedLog::default();
        restored.restore(7, 'x');
        restored.restore(8, 'y');
        restored.push('z', 2);
        assert_eq!(changes(&mut restored), (vec![7], vec![(9, 'z')]));
    }
}
