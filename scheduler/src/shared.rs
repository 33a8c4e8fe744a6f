//! State that the reconcilers of one scheduler share.

use crate::pending_sweeps::PendingSweeps;
use common::Shard;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64};
use tokio::sync::Notify;

/// State shared by the reconcilers of one scheduler.
pub struct Shared {
    /// Generation of the definitions that this scheduler has loaded.
    pub generation: AtomicU64,
    pub pending_sweeps: PendingSweeps,
    /// One wakeup per shard: sweep it now.
    pub wakeups: BTreeMap<Shard, Notify>,
    /// Whether the last tick of a reconciler failed because the store was away.
    pub outage: AtomicBool,
}

impl Shared {
    pub fn new(shards: u16) -> Shared {
        let wakeups = (0..shards).map(|shard| (Shard(shard), Notify::new())).collect();
        Shared {
            generation: AtomicU64::new(0),
            pending_sweeps: PendingSweeps::default(),
            wakeups,
            outage: AtomicBool::default(),
        }
    }

    pub fn notify_all(&self) {
        self.wakeups.values().for_each(Notify::notify_one);
    }
}
