//! The messages of one queue, in order, with a limit in bytes.

use std::collections::VecDeque;

pub struct Backlog<T> {
    /// Ordered by position.
    entries: VecDeque<Entry<T>>,
    bytes: u64,
    limit: u64,
}

pub struct Entry<T> {
    pub position: u64,
    /// Size of the record in bytes.
    size: u64,
    pub item: T,
}

impl<T> Backlog<T> {
    pub fn new(limit: u64) -> Backlog<T> {
        Backlog { entries: VecDeque::new(), bytes: 0, limit }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn limit(&self) -> u64 {
        self.limit
    }

    pub fn has_room(&self, size: usize) -> bool {
        self.bytes.saturating_add(size as u64) <= self.limit
    }

    /// Appends an entry. `position` must be greater than all others; the caller checks the limit.
    pub fn push(&mut self, position: u64, size: usize, item: T) {
        self.bytes += size as u64;
        self.entries.push_back(Entry { position, size: size as u64, item });
    }

    pub fn first(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.position)
    }

    pub fn last(&self) -> Option<u64> {
        self.entries.back().map(|entry| entry.position)
    }

    pub fn get(&self, index: usize) -> Option<&Entry<T>> {
        self.entries.get(index)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry<T>> {
        self.entries.iter()
    }

    /// First entry after `position`.
    pub fn after(&self, position: u64) -> Option<&Entry<T>> {
        self.entries.get(self.entries.partition_point(|entry| entry.position <= position))
    }

    pub fn pop(&mut self) -> Option<Entry<T>> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.size;
        Some(entry)
    }

    /// Removes and returns the entries for which `chosen` is true, in order.
    pub fn take(&mut self, mut chosen: impl FnMut(&T) -> bool) -> VecDeque<Entry<T>> {
        let (taken, remaining) =
            std::mem::take(&mut self.entries).into_iter().partition(|entry| chosen(&entry.item));
        self.entries = remaining;
        self.bytes = self.entries.iter().map(|entry| entry.size).sum();
        taken
    }
}
