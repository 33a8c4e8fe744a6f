//! The ports, implemented by the model: each operation is one call under the lock, answered when its changes are written.

use super::persistence::Persistence;
use super::store::Store;
use super::wakeups::BroadcastWakeups;
use async_trait::async_trait;
use common::member::{Member, MemberId};
use common::ports::catalogue::{Publication, Published, RouteTransition, RouteTransitionRecord};
use common::ports::intake::{Deliver, Delivered};
use common::ports::lookup::{ActiveflowSnapshot, ControlRequest, Controlled, FeedEntry, ListQuery};
use common::ports::upkeep::{Depth, SweepReport};
use common::ports::work::{
    Claim, ClaimRequest, Claimed, CommitOutcome, Control, Disposition, Token, Transition, Wakeups,
};
use common::ports::{Catalogue, Intake, Lookup, Members, Upkeep, Work};
use common::record::formats;
use common::{ActiveflowId, EventKey, Shard, StoreError};
use flow::{Definitions, Timestamp};

#[async_trait]
impl<P: Persistence> Intake for Store<P> {
    fn shards(&self) -> u16 {
        self.lock().shards()
    }

    async fn deliver(&self, event: &Deliver) -> Result<Delivered, StoreError> {
        self.run("deliver", |model, now| {
            if model.shard(event.shard).would_start(event) {
                self.persistence.admit_start(model)?;
            }
            Ok(model.shard(event.shard).deliver(event, now))
        })
        .await?
    }

    async fn count_attempt(&self, shard: Shard, key: EventKey, attempt: u64) -> Result<u32, StoreError> {
        self.run("count attempt", |model, _| model.shard(shard).count_attempt(key, attempt)).await
    }
}

#[async_trait]
impl<P: Persistence> Work for Store<P> {
    async fn claim(
        &self,
        shard: Shard,
        worker: MemberId,
        nonce: u64,
        request: ClaimRequest,
    ) -> Result<Claimed, StoreError> {
        self.run("claim", |model, now| model.shard(shard).claim(Token { worker, nonce }, request, now)).await
    }

    async fn commit(
        &self,
        claim: &Claim,
        version: u64,
        transition: &Transition,
        after: &Disposition,
    ) -> Result<CommitOutcome, StoreError> {
        self.run("commit", |model, now| {
            model.shard(claim.shard).commit(claim, version, transition, after, now)
        })
        .await?
    }

    async fn finish(
        &self,
        claim: &Claim,
        version: u64,
        unsettled: u32,
        after: &Disposition,
    ) -> Result<CommitOutcome, StoreError> {
        self.run("finish", |model, now| {
            model.shard(claim.shard).finish(claim, version, unsettled, after, now)
        })
        .await?
    }

    async fn release(&self, claim: &Claim) -> Result<(), StoreError> {
        self.run("release", |model, now| model.shard(claim.shard).release(claim, now)).await
    }

    /// One process has the store: it writes its newest.
    fn written_format(&self) -> u8 {
        formats().1
    }

    async fn listen_ready(&self) -> Box<dyn Wakeups> {
        Box::new(BroadcastWakeups(self.ready.subscribe()))
    }
}

#[async_trait]
impl<P: Persistence> Upkeep for Store<P> {
    async fn sweep(&self, shard: Shard, dead: &[MemberId]) -> Result<SweepReport, StoreError> {
        self.run("sweep", |model, now| model.shard(shard).sweep(dead, now)).await
    }

    async fn depth(&self, shard: Shard) -> Result<Depth, StoreError> {
        self.run("depth", |model, now| model.shard(shard).depth(now)).await
    }

    async fn listen_due(&self) -> Box<dyn Wakeups> {
        Box::new(BroadcastWakeups(self.due.subscribe()))
    }
}

#[async_trait]
impl<P: Persistence> Members for Store<P> {
    async fn heartbeat(&self, me: &Member, gone: &[MemberId]) -> Result<Vec<Member>, StoreError> {
        self.run("heartbeat", |model, _| model.heartbeat(me, gone)).await
    }

    async fn leave(&self, me: MemberId) -> Result<(), StoreError> {
        self.run("leave", |model, _| model.leave(me)).await
    }

    async fn members(&self) -> Result<Vec<Member>, StoreError> {
        self.run("members", |model, _| model.members()).await
    }
}

#[async_trait]
impl<P: Persistence> Catalogue for Store<P> {
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError> {
        self.run("publish", |model, _| model.publish(publication)).await
    }

    async fn definitions(&self, than: u64) -> Result<Option<Definitions>, StoreError> {
        self.run("definitions", |model, _| model.definitions(than)).await
    }

    async fn bundle(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.run("bundle", |model, _| model.bundle(hash)).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.run("now", |_, now| now).await
    }

    async fn record_route_transition(
        &self,
        transition: &RouteTransition,
    ) -> Result<RouteTransitionRecord, StoreError> {
        self.run("record transition", |model, now| model.record_route_transition(transition, now)).await
    }

    async fn route_transition_published(&self, transition: &RouteTransition) -> Result<(), StoreError> {
        self.run("transition published", |model, _| model.route_transition_published(transition)).await
    }

    async fn route_transitions(&self) -> Result<Vec<RouteTransitionRecord>, StoreError> {
        self.run("route_transitions", |model, _| model.route_transitions()).await
    }
}

#[async_trait]
impl<P: Persistence> Lookup for Store<P> {
    async fn get(&self, id: ActiveflowId) -> Result<Option<ActiveflowSnapshot>, StoreError> {
        self.run("get", |model, _| {
            let shard = id.shard(model.shards());
            model.shard(shard).get(id)
        })
        .await
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<ActiveflowSnapshot>, StoreError> {
        self.run("list", |model, _| model.list(query)).await
    }

    async fn control(&self, id: ActiveflowId, control: &Control) -> Result<Controlled, StoreError> {
        self.run("control", |model, now| {
            let shard = id.shard(model.shards());
            model.shard(shard).control(id, control, now)
        })
        .await
    }

    async fn control_once(
        &self,
        id: ActiveflowId,
        control: &Control,
        request: &ControlRequest,
    ) -> Result<Controlled, StoreError> {
        self.run("control", |model, now| {
            let shard = id.shard(model.shards());
            model.shard(shard).control_once(id, control, request, now)
        })
        .await
    }

    async fn feed(&self, shard: Shard, after: &str, max: u32) -> Result<Vec<FeedEntry>, StoreError> {
        self.run("feed", |model, _| model.shard(shard).feed(after, max)).await
    }

    async fn trim(&self, shard: Shard, through: &str) -> Result<(), StoreError> {
        self.run("trim", |model, _| model.shard(shard).trim(through)).await
    }
}
