//! Limits the open streams of each key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum open streams of one key.
pub const PER_KEY: usize = 32;

type Counts = BTreeMap<usize, usize>;

/// Counts open streams by the key's number.
#[derive(Clone, Default)]
pub struct StreamLimiter(Arc<Mutex<Counts>>);

/// Permission for one stream; released on drop.
pub struct StreamPermit {
    key: usize,
    limiter: StreamLimiter,
}

impl StreamLimiter {
    /// Returns `None` if the key already has [`PER_KEY`] open streams.
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
    fn each_key_has_its_own_limit_of_streams() {
        let limiter = StreamLimiter::default();
        let mut taken: Vec<StreamPermit> = (0..PER_KEY).map(|_| limiter.take(0).unwrap()).collect();
        assert!(limiter.take(0).is_none() && limiter.take(1).is_some());
        taken.pop();
        assert!(limiter.take(0).is_some());
    }
}
