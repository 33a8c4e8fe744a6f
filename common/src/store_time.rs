//! An estimate of the store's time between two answers of the store.

use crate::ports::Clock;
use flow::Timestamp;
use std::time::Duration;

/// The store's time in one answer, and the local monotonic time at which that answer arrived.
#[derive(Clone, Copy, Debug)]
pub struct StoreTime {
    pub answered: Timestamp,
    pub received_at: Duration,
}

impl StoreTime {
    /// The store's time now: the answer plus the time since it arrived.
    pub fn now(&self, clock: &dyn Clock) -> Timestamp {
        let since = clock.monotonic().saturating_sub(self.received_at).as_micros();
        self.answered.plus_micros(i64::try_from(since).unwrap_or(i64::MAX))
    }
}
