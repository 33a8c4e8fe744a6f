//! Counters of a run.

use super::finding::Class;
use std::collections::BTreeMap;

/// Counters of a run.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Counters {
    /// Calls, conversations or SIMs.
    pub started: u64,
    pub over: u64,
    /// Events that are stored.
    pub stored: u64,
    /// Retries of events whose outcome was unknown or that were refused for now.
    pub repeated: u64,
    /// Events whose outcome is unknown at the end.
    pub unsettled: u64,
    pub commands: u64,
    pub copies: u64,
    pub found: BTreeMap<Class, u64>,
}

impl Counters {
    pub fn of(&self, class: Class) -> u64 {
        self.found.get(&class).copied().unwrap_or_default()
    }
}
