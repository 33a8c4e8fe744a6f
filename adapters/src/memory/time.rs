//! The store's time: the system clock made monotonic, or a clock that tests move.

use flow::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that tests move.
#[derive(Clone, Default)]
pub struct ManualTime(Arc<AtomicI64>);

impl ManualTime {
    pub fn at(time: Timestamp) -> ManualTime {
        ManualTime(Arc::new(AtomicI64::new(time.as_micros())))
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    pub fn set(&self, time: Timestamp) {
        self.0.store(time.as_micros(), Ordering::SeqCst);
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_micros() as i64, Ordering::SeqCst);
    }
}

/// Source of the store's time.
pub(crate) enum Time {
    Manual(ManualTime),
    /// The system's time, but never before the time that was returned last. If that is ahead, time continues from there.
    System {
        /// The time that was returned last.
        newest: AtomicI64,
        /// Monotonic start, and the store's time at the start.
        started: Instant,
        start_time: i64,
    },
}

impl Time {
    /// Starts from the system's time, but not before `newest`.
    pub fn system(newest: Timestamp) -> Time {
        let start_time = newest.as_micros().max(system_micros());
        Time::System { newest: AtomicI64::new(newest.as_micros()), started: Instant::now(), start_time }
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Time::Manual(time) => time.now(),
            Time::System { newest, started, start_time } => {
                let now = system_micros().max(start_time + started.elapsed().as_micros() as i64);
                Timestamp::from_micros(newest.fetch_max(now, Ordering::SeqCst).max(now))
            }
        }
    }
}

fn system_micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_time_never_goes_back() {
        let now = Time::system(Timestamp::default()).now();
        assert!(now > "2026-01-01T00:00:00Z".parse().unwrap());
        let ahead = now.plus_millis(3_600_000);
        let time = Time::system(ahead);
        let first = time.now();
        assert!(first >= ahead);
        std::thread::sleep(Duration::from_millis(2));
        let later = time.now();
        assert!(later >= first.plus_millis(2), "timers would stand still");
        assert!(later < first.plus_millis(3_600_000), "timers would all fire");
    }
}
