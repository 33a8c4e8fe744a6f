//! The suspicious events whose handling this process handled_suspects. When such a one comes again, its connection broke before it
//! was acknowledged: nobody died of it, and it is not counted again.

use common::EventKey;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many are remembered.
const LENGTH: usize = 256;

#[derive(Default)]
pub struct HandledSuspects(Mutex<VecDeque<EventKey>>);

impl HandledSuspects {
    pub fn knows(&self, key: &EventKey) -> bool {
        self.lock().contains(key)
    }

    pub fn note(&self, key: EventKey) {
        let mut known = self.lock();
        if !known.contains(&key) {
            known.truncate(LENGTH - 1);
            known.push_front(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<EventKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
