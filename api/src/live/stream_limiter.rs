//! How many streams each key has open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Streams of one key at the same time.
pub const PER_KEY: usize = 32;

type Counts = BTreeMap<usize, usize>;

/// By the key's number.
#[derive(Clone, Default)]
pub struct StreamLimiter(Arc<Mutex<Counts>>);

/// One stream's permit; free again when it is dropped.
pub struct StreamPermit {
    key: usize,
    limiter: StreamLimiter,
}

impl StreamLimiter {
    /// `None`: the key has [`PER_KEY`] streams open.
    pub fn take(&self, key: usize) -> Option<StreamPermit> {
        let mut counts = self.counts();
        let count = counts.entry(key).or_default();
        if *count == PER_KEY {
            return None;
        }
        *count += 1;
        Some(StreamPermit { key, limiter: self.clone() })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut counts = self.limiter.counts();
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_so_many_seats_and_another_key_its_own() {
        let limiter = StreamLimiter::default();
        let mut taken: Vec<StreamPermit> = (0..PER_KEY).map(|_| limiter.take(0).unwrap()).collect();
        assert!(limiter.take(0).is_none() && limiter.take(1).is_some());
        taken.pop();
        assert!(limiter.take(0).is_some());
    }
}
