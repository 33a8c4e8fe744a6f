//! The clocks of the machine, and clocks that tests move.

use flow::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub trait Clocks: Send + Sync {
    /// Time since a fixed moment. It goes on evenly, also while the machine sleeps.
    fn monotonic(&self) -> Duration;

    /// The time of day, which people and time services may set.
    fn wall(&self) -> Timestamp;
}

#[derive(Default)]
pub struct MachineClocks;

impl Clocks for MachineClocks {
    fn monotonic(&self) -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
    }

    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// Clocks that tests move. Clones are the same clocks.
#[derive(Clone)]
pub struct ManualClocks(Arc<Mutex<(Duration, Timestamp)>>);

impl ManualClocks {
    pub fn at(wall: Timestamp) -> ManualClocks {
        ManualClocks(Arc::new(Mutex::new((Duration::ZERO, wall))))
    }

    /// Moves both clocks.
    pub fn advance(&self, by: Duration) {
        let mut clocks = self.lock();
        clocks.0 += by;
        clocks.1 = clocks.1.plus_micros(i64::try_from(by.as_micros()).unwrap_or(i64::MAX));
    }

    /// Lets the wall clock jump.
    pub fn set_wall(&self, wall: Timestamp) {
        self.lock().1 = wall;
    }

    fn lock(&self) -> MutexGuard<'_, (Duration, Timestamp)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clocks for ManualClocks {
    fn monotonic(&self) -> Duration {
        self.lock().0
    }

    fn wall(&self) -> Timestamp {
        self.lock().1
    }
}
