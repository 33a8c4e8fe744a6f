//! The memory mark: what state and queues are counted with, and its limit. Above it no activeflow starts; everything that
//! runs goes on.

use metrics::{counter, describe_counter, describe_gauge, gauge};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const BYTES: &str = "signalbox_memory_counted_bytes";
const LIMIT: &str = "signalbox_memory_limit_bytes";
const REFUSED: &str = "signalbox_starts_refused_total";
/// Minimum time between two warnings.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

pub struct MemoryMark {
    limit: u64,
    /// Bytes of all queues.
    queues: Arc<AtomicU64>,
    warned: Mutex<Option<Instant>>,
}

/// Counted bytes of state and queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUse {
    pub bytes: u64,
    pub limit: u64,
}

impl MemoryMark {
    /// `queues`: the bytes of all queues, which the bus keeps up to date.
    pub fn new(limit: u64, queues: Arc<AtomicU64>) -> MemoryMark {
        MemoryMark { limit, queues, warned: Mutex::new(None) }
    }

    /// `state`: the bytes of the state.
    pub fn with_state(&self, state: u64) -> MemoryUse {
        MemoryUse { bytes: state + self.queues.load(Ordering::Relaxed), limit: self.limit }
    }

    /// Lets an activeflow start while there is room.
    ///
    /// # Errors
    /// The reason for which none starts.
    pub fn admit(&self, state: u64) -> Result<(), String> {
        let MemoryUse { bytes, limit } = self.with_state(state);
        if bytes < limit {
            return Ok(());
        }
        counter!(REFUSED).increment(1);
        let reason = format!(
            "state and queues count {} MiB and data.max_memory is {} MiB: no activeflow starts until others have ended, or \
             gateways have taken their commands; those that run go on",
            bytes / MIB,
            limit / MIB
        );
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|at| at.elapsed() >= WARNING_INTERVAL) {
            *warned = Some(Instant::now());
            tracing::warn!(bytes, limit, "{reason}");
        }
        Err(reason)
    }
}

pub fn describe() {
    describe_gauge!(
        BYTES,
        "Bytes that state and queues in the data folder are counted with; not the memory of the process"
    );
    describe_gauge!(LIMIT, "data.max_memory: above it no activeflow starts");
    describe_counter!(
        REFUSED,
        "Events that were refused because they would start an activeflow above data.max_memory"
    );
}

pub fn show(memory: MemoryUse) {
    gauge!(BYTES).set(memory.bytes as f64);
    gauge!(LIMIT).set(memory.limit as f64);
}
