//! Back-pressure: a shard with too much that is ready takes no event that would start more. What runs already is
//! let through, so that it can end.

use crate::Ports;
use common::Shard;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a closed gate looks whether it may open, and how often who waits before it asks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub struct Gate {
    high: u64,
    low: u64,
    /// The closed shards, and when each was last looked at.
    closed: Mutex<BTreeMap<Shard, Duration>>,
}

enum Turn {
    Pass,
    Look,
    Wait,
}

impl Gate {
    pub fn new(high: u64, low: u64) -> Gate {
        Gate { high, low, closed: Mutex::default() }
    }

    /// What a delivery said of its shard.
    pub fn note(&self, shard: Shard, backlog: u64, now: Duration) {
        if backlog > self.high && self.closed().insert(shard, now).is_none() {
            tracing::warn!(%shard, backlog, "The shard has too much that is ready; nothing new starts there for now");
        }
    }

    /// Waits until the shard takes events that start something.
    pub async fn pass(&self, ports: &Ports, shard: Shard) {
        loop {
            match self.turn(shard, ports.clock.monotonic()) {
                Turn::Pass => return,
                Turn::Look => match ports.upkeep.depth(shard).await {
                    Ok(depth) if depth.resumed + depth.new < self.low => self.open(shard),
                    Ok(_) => {}
                    Err(error) => tracing::debug!(%shard, %error, "Could not look how full the shard is"),
                },
                Turn::Wait => ports.clock.sleep(LOOK_EVERY).await,
            }
        }
    }

    fn turn(&self, shard: Shard, now: Duration) -> Turn {
        match self.closed().get_mut(&shard) {
            None => Turn::Pass,
            Some(looked) if now.saturating_sub(*looked) >= LOOK_EVERY => {
                *looked = now;
                Turn::Look
            }
            Some(_) => Turn::Wait,
        }
    }

    fn open(&self, shard: Shard) {
        if self.closed().remove(&shard).is_some() {
            tracing::info!(%shard, "The shard takes new activeflows again");
        }
    }

    fn closed(&self) -> MutexGuard<'_, BTreeMap<Shard, Duration>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
