//! The loop around a reconciler: it ticks on a wakeup, when something is due, and periodically in case a wakeup was lost.

use crate::ports::Ports;
use async_trait::async_trait;
use common::{Shard, StoreError};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Minimum pause between two ticks without a wakeup.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// Result of a tick: when the next one is due.
#[derive(Debug, Default)]
pub struct Tick {
    /// Whether work is left: tick again at once.
    pub more: bool,
    /// Time until the next work is due.
    pub due_in: Option<Duration>,
}

#[async_trait]
pub trait Reconciler: Send {
    fn name(&self) -> &'static str;

    /// Reads state and does a bounded amount of work.
    ///
    /// # Errors
    /// The store failed; the next tick tries again.
    async fn tick(&mut self, ports: &Ports) -> Result<Tick, StoreError>;
}

/// Runs one reconciler; never returns. Reconcilers that share `outage` log one line when the store goes away and one when
/// it is back.
pub async fn reconcile(
    ports: &Ports,
    mut reconciler: impl Reconciler,
    period: Duration,
    wakeup: &Notify,
    outage: &AtomicBool,
) {
    loop {
        let tick = reconciler.tick(ports).await;
        log_outage(reconciler.name(), &tick, outage);
        let tick = tick.unwrap_or_default();
        if tick.more {
            continue;
        }
        let pause = tick.due_in.map_or(period, |due_in| due_in.max(MIN_PAUSE).min(period));
        tokio::select! {
            biased;
            () = wakeup.notified() => {}
            () = ports.clock.sleep(pause) => {}
        }
    }
}

fn log_outage(name: &str, tick: &Result<Tick, StoreError>, outage: &AtomicBool) {
    match tick {
        Err(error) if !error.is_transient() => {
            tracing::error!(reconciler = name, %error, "Reconciler failed");
        }
        Err(error) => {
            if !outage.swap(true, Ordering::Relaxed) {
                tracing::warn!(reconciler = name, %error, "Reconcilers failed: the state store is away; retrying");
            }
        }
        Ok(_) => {
            if outage.swap(false, Ordering::Relaxed) {
                tracing::info!(reconciler = name, "Reconcilers resumed");
            }
        }
    }
}

/// Forwards the store's wakeups to those of the shards; never returns.
pub async fn forward_wakeups(ports: &Ports, wakeups: &BTreeMap<Shard, Notify>) {
    let mut due = ports.upkeep.listen_due().await;
    loop {
        let shard = due.next().await;
        if let Some(wakeup) = wakeups.get(&shard) {
            wakeup.notify_one();
        }
    }
}
