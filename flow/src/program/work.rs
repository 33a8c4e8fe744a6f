//! Counted work: what bounds a step. No clock is read, so a step stays deterministic.
//!
//! A unit is about the time in which ten bytes are copied. `limits::WORK_PER_STEP` says what a step has.

/// Work of one step: the units that were used, and the most that may be used.
#[derive(Debug)]
pub(crate) struct Work {
    used: u64,
    most: u64,
}

/// More work than there may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Work {
    pub const fn of(most: u64) -> Work {
        Work { used: 0, most }
    }

    /// Counts work that is about to be done.
    pub fn charge(&mut self, units: usize) -> Result<(), Exhausted> {
        self.count(units);
        if self.is_exhausted() { Err(Exhausted) } else { Ok(()) }
    }

    /// Counts work that cannot be refused any more.
    pub fn count(&mut self, units: usize) {
        self.used = self.used.saturating_add(units as u64);
    }

    pub const fn is_exhausted(&self) -> bool {
        self.used > self.most
    }

    pub const fn is_unused(&self) -> bool {
        self.used == 0
    }

    pub const fn most(&self) -> u64 {
        self.most
    }

    #[cfg(test)]
    pub const fn used(&self) -> u64 {
        self.used
    }
}
