//! A cache that is bounded by number and by bytes. The least recently used entry goes first.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// A shared cache of values that are cheap to clone, such as `Arc`s.
pub struct Cache<K, V> {
    most_entries: usize,
    most_bytes: usize,
    entries: Mutex<Entries<K, V>>,
}

struct Entries<K, V> {
    /// Number of lookups and insertions.
    uses: u64,
    bytes: usize,
    values: HashMap<K, Entry<V>>,
}

struct Entry<V> {
    value: V,
    bytes: usize,
    used: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    pub fn new(most_entries: usize, most_bytes: usize) -> Cache<K, V> {
        let entries = Entries { uses: 0, bytes: 0, values: HashMap::new() };
        Cache { most_entries: most_entries.max(1), most_bytes, entries: Mutex::new(entries) }
    }

    pub fn get(&self, key: &K) -> Option<V> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.uses += 1;
        let uses = entries.uses;
        let entry = entries.values.get_mut(key)?;
        entry.used = uses;
        Some(entry.value.clone())
    }

    /// Stores a value of about `bytes` bytes. The newest value stays even if it is larger than the cache.
    pub fn insert(&self, key: K, value: V, bytes: usize) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.uses += 1;
        let used = entries.uses;
        if let Some(replaced) = entries.values.insert(key, Entry { value, bytes, used }) {
            entries.bytes = entries.bytes.saturating_sub(replaced.bytes);
        }
        entries.bytes = entries.bytes.saturating_add(bytes);
        while entries.values.len() > 1
            && (entries.values.len() > self.most_entries || entries.bytes > self.most_bytes)
        {
            let oldest =
                entries.values.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            let Some(removed) = oldest.and_then(|oldest| entries.values.remove(&oldest)) else { return };
            entries.bytes = entries.bytes.saturating_sub(removed.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(cache: &Cache<u8, u8>) -> Vec<u8> {
        (0..10).filter(|key| cache.entries.lock().unwrap().values.contains_key(key)).collect()
    }

    #[test]
    fn the_least_recently_used_goes_when_there_are_too_many_or_too_large_ones() {
        let cache = Cache::new(3, 100);
        for key in 0..3 {
            cache.insert(key, key, 10);
        }
        assert_eq!((cache.get(&0), cache.get(&9)), (Some(0), None));
        cache.insert(3, 3, 10);
        assert_eq!(held(&cache), [0, 2, 3], "1 was used least recently");
        cache.insert(4, 4, 85);
        assert_eq!(held(&cache), [3, 4], "together they have 95 bytes");
        cache.insert(4, 4, 10);
        cache.insert(5, 5, 80);
        assert_eq!(held(&cache), [3, 4, 5], "a replaced value counts once");
        cache.insert(6, 6, 1_000);
        assert_eq!(held(&cache), [6], "one that is too large is alone");
    }
}
