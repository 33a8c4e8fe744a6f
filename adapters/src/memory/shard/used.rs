//! Single-use references that started an activeflow, each with the time of that start or, once it ended, of its end.

use crate::memory::tracked::TrackedMap;
use flow::Timestamp;
use std::collections::BTreeSet;
use std::ops::Deref;

#[derive(Default)]
pub(crate) struct UsedReferences {
    times: TrackedMap<[u8; 16], Timestamp>,
    by_time: BTreeSet<(Timestamp, [u8; 16])>,
}

impl Deref for UsedReferences {
    type Target = TrackedMap<[u8; 16], Timestamp>;

    fn deref(&self) -> &Self::Target {
        &self.times
    }
}

impl UsedReferences {
    pub fn insert(&mut self, reference: [u8; 16], at: Timestamp) {
        self.forget_time(&reference);
        self.by_time.insert((at, reference));
        self.times.insert(reference, at);
    }

    pub fn restore(&mut self, reference: [u8; 16], at: Timestamp) {
        self.by_time.insert((at, reference));
        self.times.insert_untracked(reference, at);
    }

    pub fn remove(&mut self, reference: &[u8; 16]) {
        self.forget_time(reference);
        self.times.remove(reference);
    }

    /// At most `count` references with a time up to `oldest`, oldest first.
    pub fn until(&self, oldest: Timestamp, count: usize) -> Vec<[u8; 16]> {
        self.by_time.iter().take_while(|(at, _)| *at <= oldest).take(count).map(|(_, key)| *key).collect()
    }

    pub fn changes(&mut self) -> &mut TrackedMap<[u8; 16], Timestamp> {
        &mut self.times
    }

    pub fn forget_changes(&mut self) {
        self.times.forget_changes();
    }

    fn forget_time(&mut self, reference: &[u8; 16]) {
        if let Some(at) = self.times.get(reference) {
            self.by_time.remove(&(*at, *reference));
        }
    }
}
