//! The model behind the ports: each operation is one call under the lock.

use super::{BroadcastBell, Store};
use async_trait::async_trait;
use common::member::{Member, MemberId};
use common::ports::catalogue::{Edge, EdgeRecord, Publication, Published};
use common::ports::intake::{Deliver, Delivered};
use common::ports::lookup::{Controlled, FeedEntry, Found, ListQuery};
use common::ports::upkeep::{Depth, Swept};
use common::ports::work::{After, Bell, Claim, Claimed, Control, Outcome, Token, Transition, Want};
use common::ports::{Catalogue, Intake, Lookup, Members, Upkeep, Work};
use common::{ActiveflowId, EventKey, Shard, StoreError};
use flow::{Definitions, Timestamp};

#[async_trait]
impl Intake for Store {
    fn shards(&self) -> u16 {
        self.lock().shards()
    }

    async fn deliver(&self, event: &Deliver) -> Result<Delivered, StoreError> {
        Ok(self.run(|model, now| model.shard(event.shard).deliver(event, now)))
    }

    async fn count_attempt(&self, shard: Shard, key: EventKey, attempt: u64) -> Result<u32, StoreError> {
        Ok(self.run(|model, _| model.shard(shard).count_attempt(key, attempt)))
    }
}

#[async_trait]
impl Work for Store {
    async fn claim(
        &self,
        shard: Shard,
        worker: MemberId,
        nonce: u64,
        want: Want,
    ) -> Result<Claimed, StoreError> {
        Ok(self.run(|model, now| model.shard(shard).claim(Token { worker, nonce }, want, now)))
    }

    async fn commit(
        &self,
        claim: &Claim,
        version: u64,
        transition: &Transition,
        after: &After,
    ) -> Result<Outcome, StoreError> {
        self.run(|model, now| model.shard(claim.shard).commit(claim, version, transition, after, now))
    }

    async fn finish(
        &self,
        claim: &Claim,
        version: u64,
        unsettled: u32,
        after: &After,
    ) -> Result<Outcome, StoreError> {
        self.run(|model, now| model.shard(claim.shard).finish(claim, version, unsettled, after, now))
    }

    async fn release(&self, claim: &Claim) -> Result<(), StoreError> {
        self.run(|model, now| model.shard(claim.shard).release(claim, now));
        Ok(())
    }

    async fn listen_ready(&self) -> Box<dyn Bell> {
        Box::new(BroadcastBell(self.ready.subscribe()))
    }
}

#[async_trait]
impl Upkeep for Store {
    async fn sweep(&self, shard: Shard, dead: &[MemberId]) -> Result<Swept, StoreError> {
        Ok(self.run(|model, now| model.shard(shard).sweep(dead, now)))
    }

    async fn depth(&self, shard: Shard) -> Result<Depth, StoreError> {
        Ok(self.run(|model, now| model.shard(shard).depth(now)))
    }

    async fn listen_due(&self) -> Box<dyn Bell> {
        Box::new(BroadcastBell(self.due.subscribe()))
    }
}

#[async_trait]
impl Members for Store {
    async fn beat(&self, me: &Member, gone: &[MemberId]) -> Result<Vec<Member>, StoreError> {
        Ok(self.run(|model, _| model.beat(me, gone)))
    }

    async fn leave(&self, me: MemberId) -> Result<(), StoreError> {
        self.run(|model, _| model.leave(me));
        Ok(())
    }

    async fn members(&self) -> Result<Vec<Member>, StoreError> {
        Ok(self.run(|model, _| model.members()))
    }
}

#[async_trait]
impl Catalogue for Store {
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError> {
        Ok(self.run(|model, _| model.publish(publication)))
    }

    async fn definitions(&self, than: u64) -> Result<Option<Definitions>, StoreError> {
        Ok(self.run(|model, _| model.definitions(than)))
    }

    async fn bundle(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.run(|model, _| model.bundle(hash)))
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.time.now())
    }

    async fn record_edge(&self, edge: &Edge) -> Result<EdgeRecord, StoreError> {
        Ok(self.run(|model, now| model.record_edge(edge, now)))
    }

    async fn edge_published(&self, edge: &Edge) -> Result<(), StoreError> {
        self.run(|model, _| model.edge_published(edge));
        Ok(())
    }

    async fn edges(&self) -> Result<Vec<EdgeRecord>, StoreError> {
        Ok(self.run(|model, _| model.edges()))
    }
}

#[async_trait]
impl Lookup for Store {
    async fn get(&self, id: ActiveflowId) -> Result<Option<Found>, StoreError> {
        Ok(self.run(|model, _| {
            let shard = id.shard(model.shards());
            model.shard(shard).get(id)
        }))
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<Found>, StoreError> {
        Ok(self.run(|model, _| model.list(query)))
    }

    async fn control(&self, id: ActiveflowId, control: &Control) -> Result<Controlled, StoreError> {
        Ok(self.run(|model, now| {
            let shard = id.shard(model.shards());
            model.shard(shard).control(id, control, now)
        }))
    }

    async fn feed(&self, shard: Shard, after: &str, max: u32) -> Result<Vec<FeedEntry>, StoreError> {
        Ok(self.run(|model, _| model.shard(shard).feed(after, max)))
    }

    async fn trim(&self, shard: Shard, through: &str) -> Result<(), StoreError> {
        self.run(|model, _| model.shard(shard).trim(through));
        Ok(())
    }
}
