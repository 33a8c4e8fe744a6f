//! Progress over time: new commands in buckets of a tenth of a second, from which recoveries are computed.

use std::sync::Mutex;
use std::time::{Duration, Instant};

const BUCKET: Duration = Duration::from_millis(100);

pub struct Timeline {
    began: Instant,
    buckets: Mutex<Vec<u32>>,
}

/// Time from a fault until work continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// To the first bucket with progress that follows a bucket at or after the fault.
    pub first: Option<Duration>,
    /// To the first second with at least four fifths of the rate of the three seconds before the fault.
    pub steady: Option<Duration>,
}

impl Default for Timeline {
    fn default() -> Self {
        Timeline { began: Instant::now(), buckets: Mutex::default() }
    }
}

impl Timeline {
    /// Notes one new command, now.
    pub fn progress(&self) {
        let bucket = (self.began.elapsed().as_millis() / BUCKET.as_millis()) as usize;
        let mut buckets = self.lock();
        if buckets.len() <= bucket {
            buckets.resize(bucket + 1, 0);
        }
        buckets[bucket] += 1;
    }

    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub fn total(&self) -> u64 {
        self.lock().iter().map(|n| u64::from(*n)).sum()
    }

    /// New commands per second between two moments.
    pub fn rate(&self, from: Duration, until: Duration) -> f64 {
        rate(&self.lock(), bucket_of(from), bucket_of(until))
    }

    /// The recovery from a fault at `at`, as far as it is known now.
    pub fn recovery(&self, at: Duration) -> Recovery {
        recovery(&self.lock(), bucket_of(at))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u32>> {
        self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn bucket_of(at: Duration) -> usize {
    (at.as_millis() / BUCKET.as_millis()) as usize
}

fn rate(buckets: &[u32], from: usize, until: usize) -> f64 {
    let span: u32 = buckets.iter().take(until).skip(from).sum();
    f64::from(span) / ((until - from).max(1) as f64 * BUCKET.as_secs_f64())
}

fn recovery(buckets: &[u32], fault: usize) -> Recovery {
    let before = rate(buckets, fault.saturating_sub(30), fault);
    let after = fault + 1..buckets.len();
    let first = after.clone().find(|b| buckets[*b] > 0);
    let steady =
        after.into_iter().find(|b| b + 10 <= buckets.len() && rate(buckets, *b, b + 10) >= before * 0.8);
    let since = |bucket: usize| BUCKET * (bucket - fault) as u32;
    Recovery { first: first.map(since), steady: steady.map(since) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_is_read_from_the_buckets() {
        let mut buckets = vec![10; 30];
        buckets.extend([0; 20]);
        buckets.extend([5; 10]);
        buckets.extend([10; 20]);
        let found = recovery(&buckets, 30);
        assert_eq!(found.first, Some(Duration::from_secs(2)));
        assert!(found.steady > Some(Duration::from_secs(2)) && found.steady <= Some(Duration::from_secs(3)));
    }

    #[test]
    fn what_never_recovers_says_so() {
        let mut buckets = vec![10; 30];
        buckets.extend([0; 20]);
        assert_eq!(recovery(&buckets, 30), Recovery { first: None, steady: None });
    }
}
