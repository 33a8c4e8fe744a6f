//! The upkeep port on Redis: `sweep` and `depth`.

use super::calls::Operation;
use super::store::Store;
use async_trait::async_trait;
use common::limits::SWEEP_BATCH;
use common::member::MemberId;
use common::ports::Upkeep;
use common::ports::upkeep::{Depth, SweepReport};
use common::ports::work::Wakeups;
use common::{Shard, StoreError};

#[async_trait]
impl Upkeep for Store {
    async fn sweep(&self, shard: Shard, dead: &[MemberId]) -> Result<SweepReport, StoreError> {
        let mut call = Operation::new("sweep").weight(SWEEP_BATCH as u32);
        call.arg(self.settings.ended_retention.as_micros() as u64).arg(self.settings.feed_length);
        for id in dead {
            call.arg(id.as_bytes());
        }
        let mut reply = self.list_of(shard, call).await?;
        let now = reply.time()?;
        let [suspects, quarantined, overdue, forgotten] =
            [reply.number()? as u32, reply.number()? as u32, reply.number()? as u32, reply.number()? as u32];
        let next_due = reply.time_or_none()?;
        let more = reply.number()? == 1;
        let mut late = reply.nested()?;
        let late_us = (0..late.rest()).map(|_| late.number()).collect::<Result<_, _>>()?;
        Ok(SweepReport { now, late_us, suspects, quarantined, overdue, forgotten, next_due, more })
    }

    async fn depth(&self, shard: Shard) -> Result<Depth, StoreError> {
        let call = Operation::new("depth");
        let mut reply = self.list_of(shard, call).await?;
        Ok(Depth {
            now: reply.time()?,
            resumed: reply.number()?,
            new: reply.number()?,
            suspects: reply.number()?,
            claimed: reply.number()?,
            waits: reply.number()?,
            oldest_ready: reply.time_or_none()?,
        })
    }

    async fn listen_due(&self) -> Box<dyn Wakeups> {
        self.wakeups.due()
    }
}
