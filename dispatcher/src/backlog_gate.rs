//! Back-pressure: a shard with too much that is ready takes no event that would start more. What runs already is
//! let through, so that it can end.
//!
//! Who waits here holds back the acknowledgements behind it, and in the end all intake. So only those types wait that
//! hardly ever mean anything but a new activeflow. `message.received`, `conversation.message`, `sim.*` and `custom.*` may
//! as well be what a live owner waits for, which only the store can tell: they never wait, and when they do start
//! something, the shard takes it. Nor does an event wait that is handled alone: nothing else would move meanwhile.

use crate::{Ports, metrics};
use common::Shard;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a closed gate looks whether it may open, and how often who waits before it asks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Types that start something new, or nothing.
const STARTS: [&str; 4] = ["call.incoming", "call.outgoing", "form.requested", "job.due"];

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

    /// Whether an event of this type that would start something waits while its shard is closed.
    pub fn holds(kind: &str) -> bool {
        STARTS.contains(&kind)
    }

    /// What a delivery said of its shard.
    pub fn note(&self, shard: Shard, backlog: u64, now: Duration) {
        if backlog <= self.high {
            return;
        }
        let mut closed = self.closed();
        if closed.insert(shard, now).is_none() {
            metrics::closed_shards(closed.len());
            tracing::warn!(%shard, backlog, "The shard has too much that is ready; nothing new starts there for now");
        }
    }

    /// Waits until the shard takes events that start something.
    pub async fn pass(&self, ports: &Ports, shard: Shard) {
        loop {
            match self.turn(shard, ports.clock.monotonic()) {
                Turn::Pass => return,
                Turn::Look => match ports.upkeep.depth(shard).await {
                    Ok(depth) if depth.resumed + depth.new <= self.low => self.open(shard),
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
        let mut closed = self.closed();
        if closed.remove(&shard).is_some() {
            metrics::closed_shards(closed.len());
            tracing::info!(%shard, "The shard takes new activeflows again");
        }
    }

    fn closed(&self) -> MutexGuard<'_, BTreeMap<Shard, Duration>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
