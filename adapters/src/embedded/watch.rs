//! Gauges of the memory and the time of an embedded store.

use super::memory_mark;
use super::store::Store;
use metrics::{describe_gauge, gauge};
use std::sync::{Arc, Weak};
use std::time::Duration;

const AHEAD: &str = "signalbox_store_time_ahead_seconds";

impl Store {
    /// Updates the gauges at this interval until the store is dropped.
    pub fn watch(self: &Arc<Self>, interval: Duration) {
        describe_gauge!(
            AHEAD,
            "Seconds by which the time of the embedded store is ahead of the wall clock, after the clock jumped"
        );
        memory_mark::describe();
        tokio::spawn(update_gauges(Arc::downgrade(self), interval));
    }
}

async fn update_gauges(store: Weak<Store>, interval: Duration) {
    while let Some(store) = store.upgrade() {
        memory_mark::show(store.memory());
        gauge!(AHEAD).set(store.ahead_us() as f64 / 1e6);
        drop(store);
        tokio::time::sleep(interval).await;
    }
}
