//! One sweep of one shard: due waits become inputs, and activeflows claimed by dead workers become ready.

use crate::metrics;
use crate::ports::Ports;
use crate::reconciler::{Reconciler, Tick};
use crate::shared::Shared;
use async_trait::async_trait;
use common::ports::upkeep::SweepReport;
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
        self.log(&swept);
        if !swept.more {
            self.shared.pending_sweeps.swept(self.shard, &dead);
        }
        Ok(Tick { more: swept.more, due_in: due_in(&swept) })
    }
}

impl Waits<'_> {
    fn log(&self, swept: &SweepReport) {
        let SweepReport { suspects, quarantined, overdue, .. } = *swept;
        if suspects > 0 || overdue > 0 {
            tracing::warn!(shard = %self.shard, suspects, overdue, "Activeflows of lost workers are ready again");
        }
        if quarantined > 0 {
            tracing::error!(shard = %self.shard, quarantined, "Activeflows quarantined: each was claimed alone by five workers that died");
        }
    }
}

/// Time until the next wait is due; both times come from the store's clock.
fn due_in(swept: &SweepReport) -> Option<Duration> {
    let left = swept.next_due?.micros_since(swept.now);
    Some(Duration::from_micros(u64::try_from(left).unwrap_or(0)))
}
