//! When a reconciler ticks: when its wakeup rings, when something is due, and on a period in case a ring was lost.

use crate::{Ports, Shared};
use async_trait::async_trait;
use common::StoreError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Between two ticks that nothing rang for.
const SHORTEST: Duration = Duration::from_millis(1);

/// What a tick says of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// There is more than one tick does: come again at once.
    pub more: bool,
    /// Something is due so long from now.
    pub due_in: Option<Duration>,
}

#[async_trait]
pub trait Reconciler: Send {
    fn name(&self) -> &'static str;

    /// Looks at state and does a bounded amount.
    ///
    /// # Errors
    /// The store did not do its part; the next tick tries again.
    async fn tick(&mut self, ports: &Ports) -> Result<Tick, StoreError>;
}

/// Drives one reconciler; never returns. A failure is told when it is the first of several: of all reconcilers that share
/// `outage`, one line tells that the store is away, and one that it is back.
pub async fn drive(
    ports: &Ports,
    mut reconciler: impl Reconciler,
    period: Duration,
    wakeup: &Notify,
    outage: &AtomicBool,
) {
    loop {
        let tick = reconciler.tick(ports).await;
        tell(reconciler.name(), &tick, outage);
        let tick = tick.unwrap_or_default();
        if tick.more {
            continue;
        }
        let pause = tick.due_in.map_or(period, |due_in| due_in.max(SHORTEST).min(period));
        tokio::select! {
            biased;
            () = wakeup.notified() => {}
            () = ports.clock.sleep(pause) => {}
        }
    }
}

fn tell(name: &str, tick: &Result<Tick, StoreError>, outage: &AtomicBool) {
    match tick {
        Err(error) if !error.is_transient() => {
            tracing::error!(reconciler = name, %error, "A reconciler cannot do its work");
        }
        Err(error) => {
            if !outage.swap(true, Ordering::Relaxed) {
                tracing::warn!(reconciler = name, %error, "Reconcilers have to try again");
            }
        }
        Ok(_) => {
            if outage.swap(false, Ordering::Relaxed) {
                tracing::info!(reconciler = name, "Reconcilers work again");
            }
        }
    }
}

/// Passes rings of the store on to the shards' wakeups; never returns.
pub async fn forward_wakeups(ports: &Ports, shared: &Shared) {
    let mut due = ports.upkeep.listen_due().await;
    loop {
        let shard = due.next().await;
        if let Some(wakeup) = shared.wakeups.get(&shard) {
            wakeup.notify_one();
        }
    }
}
