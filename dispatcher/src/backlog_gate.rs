//! Back-pressure: a shard with too many ready activeflows takes no event that would start another. Events for running
//! activeflows pass, so that these can end.
//!
//! A waiting event blocks later acknowledgements, and in the end all intake. So only types wait that nearly always start
//! an activeflow. A `message.received`, `conversation.message`, `sim.*` or `custom.*` may also be an event that a running
//! activeflow waits for, and only the store knows: these never wait, and the shard accepts the activeflows that they
//! start. A suspect does not wait either: it is handled alone, so no other event would advance meanwhile.

use crate::metrics;
use crate::ports::Ports;
use common::Shard;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Interval between measurements of a closed shard, and between the checks of a waiting event.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// Event types that start an activeflow or have no effect.
const STARTING_TYPES: [&str; 4] = ["call.incoming", "call.outgoing", "form.requested", "job.due"];

pub struct BacklogGate {
    high: u64,
    low: u64,
    /// The closed shards, each with the time of its last measurement.
    closed: Mutex<BTreeMap<Shard, Duration>>,
}

enum Check {
    Open,
    Measure,
    Wait,
}

impl BacklogGate {
    pub fn new(high: u64, low: u64) -> BacklogGate {
        BacklogGate { high, low, closed: Mutex::default() }
    }

    /// Whether an event of this type that would start an activeflow waits while its shard is closed.
    pub fn applies_to(kind: &str) -> bool {
        STARTING_TYPES.contains(&kind)
    }

    /// Records the backlog that a delivery reported, and closes the shard if it is too large.
    pub fn record(&self, shard: Shard, backlog: u64, now: Duration) {
        if backlog <= self.high {
            return;
        }
        let mut closed = self.closed();
        if closed.insert(shard, now).is_none() {
            metrics::closed_shards(closed.len());
            tracing::warn!(%shard, backlog, limit = self.high, "Backlog of the shard is too large; events that would start an activeflow wait");
        }
    }

    /// Waits until the shard takes events that start an activeflow.
    pub async fn wait_until_open(&self, ports: &Ports, shard: Shard) {
        loop {
            match self.check(shard, ports.clock.monotonic()) {
                Check::Open => return,
                Check::Measure => match ports.upkeep.depth(shard).await {
                    Ok(depth) if depth.resumed + depth.new <= self.low => self.open(shard),
                    Ok(_) => {}
                    Err(error) => {
                        tracing::debug!(%shard, %error, "Could not measure the backlog of the shard")
                    }
                },
                Check::Wait => ports.clock.sleep(CHECK_INTERVAL).await,
            }
        }
    }

    fn check(&self, shard: Shard, now: Duration) -> Check {
        match self.closed().get_mut(&shard) {
            None => Check::Open,
            Some(measured) if now.saturating_sub(*measured) >= CHECK_INTERVAL => {
                *measured = now;
                Check::Measure
            }
            Some(_) => Check::Wait,
        }
    }

    fn open(&self, shard: Shard) {
        let mut closed = self.closed();
        if closed.remove(&shard).is_some() {
            metrics::closed_shards(closed.len());
            tracing::info!(%shard, "Backlog of the shard is small again; new activeflows start");
        }
    }

    fn closed(&self) -> MutexGuard<'_, BTreeMap<Shard, Duration>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
