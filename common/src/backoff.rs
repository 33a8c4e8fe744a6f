//! Pauses between attempts at a store or broker that does not answer.

use std::time::Duration;

/// Exponential backoff from 20 ms to 1 s. There is no jitter: callers start at different times, which spreads them.
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
