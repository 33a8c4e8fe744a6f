//! Latencies in a histogram of a few kilobytes, with buckets that are 2 % wide.

use std::time::Duration;

const WIDTH: f64 = 1.02;

#[derive(Clone, Debug, Default)]
pub struct Latencies {
    buckets: Vec<u32>,
    count: u64,
    longest: Duration,
}

impl Latencies {
    pub fn add(&mut self, took: Duration) {
        let bucket = bucket(took);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
        self.longest = self.longest.max(took);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// The time within which `percent` of them were done.
    pub fn percentile(&self, percent: f64) -> Duration {
        let rank = (self.count as f64 * percent / 100.0).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank.max(1) {
                return upper(bucket).min(self.longest);
            }
        }
        self.longest
    }
}

fn bucket(took: Duration) -> usize {
    (took.as_micros().max(1) as f64).log(WIDTH) as usize
}

fn upper(bucket: usize) -> Duration {
    Duration::from_micros(WIDTH.powi(bucket as i32 + 1) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_within_two_percent() {
        let mut latencies = Latencies::default();
        (1..=1_000).for_each(|ms| latencies.add(Duration::from_millis(ms)));
        for (percent, ms) in [(50.0, 500.0), (99.0, 990.0), (100.0, 1_000.0)] {
            let found = latencies.percentile(percent).as_secs_f64() * 1_000.0;
            assert!((found - ms).abs() <= ms * 0.02 + 0.01, "{percent} % is {found} ms, not about {ms} ms");
        }
        assert_eq!((latencies.count(), latencies.longest()), (1_000, Duration::from_secs(1)));
        assert_eq!(Latencies::default().percentile(99.0), Duration::ZERO);
    }
}
