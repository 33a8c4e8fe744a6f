//! Trying again: how long to wait between attempts at a store or broker that does not answer.

use std::time::Duration;

/// Doubles from 20 ms to 1 s. Spread comes from the many items that wait, each since its own failure.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    pub fn pause(&mut self) -> Duration {
        let wait = Duration::from_millis(20 << self.failures.min(6)).min(Duration::from_secs(1));
        self.failures += 1;
        wait
    }

    pub fn reset(&mut self) {
        self.failures = 0;
    }
}
