//! Waits that are due become inputs, and what dead workers held becomes ready: one sweep of one shard.

use crate::driver::{Reconciler, Tick};
use crate::{Ports, Shared, metrics};
use async_trait::async_trait;
use common::ports::upkeep::Swept;
use common::{Shard, StoreError};
use std::time::Duration;

pub struct Waits<'a> {
    shard: Shard,
    shared: &'a Shared,
}

impl<'a> Waits<'a> {
    pub fn new(shard: Shard, shared: &'a Shared) -> Waits<'a> {
        Waits { shard, shared }
    }
}

#[async_trait]
impl Reconciler for Waits<'_> {
    fn name(&self) -> &'static str {
        "waits"
    }

    async fn tick(&mut self, ports: &Ports) -> Result<Tick, StoreError> {
        let dead = self.shared.pending_sweeps.of(self.shard);
        let swept = ports.upkeep.sweep(self.shard, &dead).await?;
        metrics::swept(&swept);
        self.tell(&swept);
        if !swept.more {
            self.shared.pending_sweeps.swept(self.shard, &dead);
        }
        Ok(Tick { more: swept.more, due_in: due_in(&swept) })
    }
}

impl Waits<'_> {
    fn tell(&self, swept: &Swept) {
        let Swept { suspects, quarantined, overdue, .. } = *swept;
        if suspects > 0 || overdue > 0 {
            tracing::warn!(shard = %self.shard, suspects, overdue, "What lost workers held is ready again");
        }
        if quarantined > 0 {
            tracing::error!(shard = %self.shard, quarantined, "Activeflows are quarantined: each killed its worker five times");
        }
    }
}

/// By the store's own clock on both sides.
fn due_in(swept: &Swept) -> Option<Duration> {
    let left = swept.next_due?.micros_since(swept.now);
    Some(Duration::from_micros(u64::try_from(left).unwrap_or(0)))
}
