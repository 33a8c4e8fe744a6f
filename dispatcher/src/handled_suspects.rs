//! Suspects (events delivered several times without an acknowledgement) that this process has handled. When one of them
//! is redelivered, the connection broke before the acknowledgement: no dispatcher died of it, so the attempt does not count.

use common::EventKey;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Maximum number of remembered suspects.
const CAPACITY: usize = 256;

#[derive(Default)]
pub struct HandledSuspects(Mutex<VecDeque<EventKey>>);

impl HandledSuspects {
    pub fn contains(&self, key: &EventKey) -> bool {
        self.lock().contains(key)
    }

    pub fn insert(&self, key: EventKey) {
        let mut known = self.lock();
        if !known.contains(&key) {
            known.truncate(CAPACITY - 1);
            known.push_front(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<EventKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
