//! The store's time: it goes on evenly, whatever happens to the wall clock. Or a clock that tests move.

use super::clocks::Clocks;
use flow::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A change of the wall clock against the monotonic clock, between two readings, that is a jump.
const JUMP_US: i64 = 1_000_000;
/// Share of the passed time by which the store's time is corrected towards the wall clock: one part in so many.
const CORRECTION: i64 = 10;

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
    Even(EvenTime),
}

impl Time {
    /// Starts from the wall clock, but not before `newest`, the last time in the store.
    pub fn even(newest: Timestamp, clocks: Arc<dyn Clocks>) -> Time {
        Time::Even(EvenTime::new(newest, clocks))
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Time::Manual(time) => time.now(),
            Time::Even(time) => time.now(),
        }
    }

    /// Microseconds by which the store's time is ahead of the wall clock; negative if it is behind.
    pub fn ahead_us(&self) -> i64 {
        match self {
            Time::Manual(_) => 0,
            Time::Even(time) => time.now().micros_since(time.clocks.wall()),
        }
    }
}

/// Time that goes on with the monotonic clock. After a jump of the wall clock it approaches that clock slowly, so that no
/// timer stands still and none fires early by more than a tenth of its time.
pub(crate) struct EvenTime {
    clocks: Arc<dyn Clocks>,
    reading: Mutex<Reading>,
}

struct Reading {
    /// The monotonic clock.
    monotonic: Duration,
    /// Wall clock minus monotonic clock, in microseconds.
    offset: i64,
    /// The store's time, in microseconds.
    now: i64,
}

impl EvenTime {
    fn new(newest: Timestamp, clocks: Arc<dyn Clocks>) -> EvenTime {
        let (monotonic, wall) = (clocks.monotonic(), clocks.wall().as_micros());
        let ahead = newest.as_micros().saturating_sub(wall);
        if ahead >= JUMP_US {
            tracing::warn!(
                ahead_s = seconds(ahead),
                "the last record in the data folder is {} s ahead of this machine's clock: the clock was set back, or the \
                 folder comes from another machine. The store's time goes on from that record and approaches the clock \
                 slowly, so that timers keep their order and their length. Check the time service",
                seconds(ahead)
            );
        }
        let offset = wall.saturating_sub(micros(monotonic));
        let reading = Reading { monotonic, offset, now: newest.as_micros().max(wall) };
        EvenTime { clocks, reading: Mutex::new(reading) }
    }

    fn now(&self) -> Timestamp {
        let mut last = self.lock();
        let (monotonic, wall) = (self.clocks.monotonic(), self.clocks.wall().as_micros());
        let passed = micros(monotonic.saturating_sub(last.monotonic));
        let offset = wall.saturating_sub(micros(monotonic));
        let jump = offset.saturating_sub(last.offset);
        let even = last.now.saturating_add(passed);
        let correction = wall.saturating_sub(even).clamp(-(passed / CORRECTION), passed / CORRECTION);
        *last = Reading { monotonic, offset, now: even.saturating_add(correction) };
        let now = last.now;
        drop(last);
        if jump.saturating_abs() >= JUMP_US {
            tracing::warn!(
                jump_s = seconds(jump),
                ahead_s = seconds(now.saturating_sub(wall)),
                "the clock of this machine jumped by {} s. The store's time goes on evenly: it is now {} s ahead of the \
                 clock (negative: behind) and approaches it by 6 s each minute. Check the time service",
                seconds(jump),
                seconds(now.saturating_sub(wall)),
            );
        }
        Timestamp::from_micros(now)
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn seconds(us: i64) -> i64 {
    us / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::clocks::{MachineClocks, ManualClocks};

    const HOUR: Duration = Duration::from_secs(3_600);
    const MINUTE_US: i64 = 60_000_000;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn even(newest: Timestamp) -> (ManualClocks, Time) {
        let clocks = ManualClocks::at(at("2026-11-27T12:00:00Z"));
        let time = Time::even(newest, Arc::new(clocks.clone()));
        (clocks, time)
    }

    /// Time that passes in the store while the machine's clocks go on for a minute, second by second.
    fn minute(clocks: &ManualClocks, time: &Time) -> i64 {
        let before = time.now();
        for _ in 0..60 {
            clocks.advance(Duration::from_secs(1));
            time.now();
        }
        time.now().micros_since(before)
    }

    #[test]
    fn it_follows_the_wall_clock_and_its_small_corrections() {
        let (clocks, time) = even(Timestamp::default());
        assert_eq!(time.now(), at("2026-11-27T12:00:00Z"));
        assert_eq!(minute(&clocks, &time), MINUTE_US);
        clocks.set_wall(clocks.wall().plus_millis(500));
        assert_eq!((minute(&clocks, &time), time.ahead_us()), (MINUTE_US + 500_000, 0));
    }

    #[test]
    fn an_hour_ahead_and_back_neither_fires_nor_freezes_timers() {
        let (clocks, time) = even(Timestamp::default());
        let start = time.now();
        clocks.set_wall(clocks.wall().plus_millis(3_600_000));
        assert_eq!(time.now(), start, "nothing is due because the clock jumped");
        let ahead = minute(&clocks, &time);
        assert_eq!(ahead, MINUTE_US + MINUTE_US / 10);
        clocks.set_wall(clocks.wall().plus_millis(-3_600_000));
        let back = minute(&clocks, &time);
        assert!((MINUTE_US * 9 / 10..=MINUTE_US).contains(&back), "{back}: timers must not stand still");
        minute(&clocks, &time);
        assert_eq!(time.ahead_us(), 0, "it has come back to the clock");
    }

    #[test]
    fn it_reaches_the_wall_clock_after_ten_times_the_jump() {
        let (clocks, time) = even(Timestamp::default());
        clocks.set_wall(clocks.wall().plus_millis(-60_000));
        time.now();
        (0..10).for_each(|_| assert_eq!(minute(&clocks, &time), MINUTE_US * 9 / 10));
        assert_eq!((minute(&clocks, &time), time.ahead_us()), (MINUTE_US, 0));
    }

    #[test]
    fn a_folder_from_the_future_goes_on_from_its_last_record() {
        let newest = at("2026-11-27T14:00:00Z");
        let (clocks, time) = even(newest);
        assert_eq!((time.now(), time.ahead_us()), (newest, 2 * 3_600_000_000));
        assert_eq!(minute(&clocks, &time), MINUTE_US * 9 / 10);
        clocks.advance(HOUR * 20);
        assert_eq!(time.ahead_us(), 0);
    }

    #[test]
    fn the_clocks_of_this_machine_go_on() {
        let time = Time::even(Timestamp::default(), Arc::new(MachineClocks));
        let first = time.now();
        assert!(first > at("2026-01-01T00:00:00Z"));
        std::thread::sleep(Duration::from_millis(2));
        assert!(time.now() > first);
    }
}
