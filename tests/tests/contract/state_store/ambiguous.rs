//! A store whose every answer is lost once: the call happened, the caller was not told, and repeats it with the same arguments.

use async_trait::async_trait;
use common::member::{Member, MemberId};
use common::ports::catalogue::{Publication, Published, RouteTransition, RouteTransitionRecord};
use common::ports::intake::{Deliver, Delivered};
use common::ports::lookup::{Controlled, FeedEntry, Found, ListQuery};
use common::ports::upkeep::{Depth, Swept};
use common::ports::work::{After, Claim, Claimed, CommitOutcome, Control, Transition, Wakeups, Want};
use common::ports::{Catalogue, Intake, Lookup, Members, StateStore, Upkeep, Work};
use common::{ActiveflowId, EventKey, Shard, StoreError};
use flow::{Definitions, Timestamp};
use std::sync::Arc;

pub struct Ambiguous(pub Arc<dyn StateStore>);

type Answer<T> = Result<T, StoreError>;

#[async_trait]
impl Intake for Ambiguous {
    fn shards(&self) -> u16 {
        self.0.shards()
    }

    async fn deliver(&self, event: &Deliver) -> Answer<Delivered> {
        self.0.deliver(event).await?;
        self.0.deliver(event).await
    }

    async fn count_attempt(&self, shard: Shard, key: EventKey, attempt: u64) -> Answer<u32> {
        self.0.count_attempt(shard, key, attempt).await?;
        self.0.count_attempt(shard, key, attempt).await
    }
}

#[async_trait]
impl Work for Ambiguous {
    async fn claim(&self, shard: Shard, worker: MemberId, nonce: u64, want: Want) -> Answer<Claimed> {
        self.0.claim(shard, worker, nonce, want).await?;
        self.0.claim(shard, worker, nonce, want).await
    }

    async fn commit(
        &self,
        claim: &Claim,
        version: u64,
        made: &Transition,
        after: &After,
    ) -> Answer<CommitOutcome> {
        self.0.commit(claim, version, made, after).await?;
        self.0.commit(claim, version, made, after).await
    }

    async fn finish(
        &self,
        claim: &Claim,
        version: u64,
        unsettled: u32,
        after: &After,
    ) -> Answer<CommitOutcome> {
        self.0.finish(claim, version, unsettled, after).await?;
        self.0.finish(claim, version, unsettled, after).await
    }

    async fn release(&self, claim: &Claim) -> Answer<()> {
        self.0.release(claim).await?;
        self.0.release(claim).await
    }

    async fn listen_ready(&self) -> Box<dyn Wakeups> {
        self.0.listen_ready().await
    }
}

#[async_trait]
impl Upkeep for Ambiguous {
    /// What the first call did is the answer; the second must do nothing more.
    async fn sweep(&self, shard: Shard, dead: &[MemberId]) -> Answer<Swept> {
        let first = self.0.sweep(shard, dead).await?;
        self.0.sweep(shard, dead).await?;
        Ok(first)
    }

    async fn depth(&self, shard: Shard) -> Answer<Depth> {
        self.0.depth(shard).await
    }

    async fn listen_due(&self) -> Box<dyn Wakeups> {
        self.0.listen_due().await
    }
}

#[async_trait]
impl Members for Ambiguous {
    async fn heartbeat(&self, me: &Member, gone: &[MemberId]) -> Answer<Vec<Member>> {
        self.0.heartbeat(me, gone).await?;
        self.0.heartbeat(me, gone).await
    }

    async fn leave(&self, me: MemberId) -> Answer<()> {
        self.0.leave(me).await?;
        self.0.leave(me).await
    }

    async fn members(&self) -> Answer<Vec<Member>> {
        self.0.members().await
    }
}

#[async_trait]
impl Catalogue for Ambiguous {
    async fn publish(&self, publication: &Publication) -> Answer<Published> {
        self.0.publish(publication).await?;
        self.0.publish(publication).await
    }

    async fn definitions(&self, than: u64) -> Answer<Option<Definitions>> {
        self.0.definitions(than).await
    }

    async fn bundle(&self, hash: &str) -> Answer<Option<Vec<u8>>> {
        self.0.bundle(hash).await
    }

    async fn now(&self) -> Answer<Timestamp> {
        self.0.now().await
    }

    async fn record_route_transition(&self, transition: &RouteTransition) -> Answer<RouteTransitionRecord> {
        self.0.record_route_transition(transition).await?;
        self.0.record_route_transition(transition).await
    }

    async fn route_transition_published(&self, transition: &RouteTransition) -> Answer<()> {
        self.0.route_transition_published(transition).await?;
        self.0.route_transition_published(transition).await
    }

    async fn route_transitions(&self) -> Answer<Vec<RouteTransitionRecord>> {
        self.0.route_transitions().await
    }
}

#[async_trait]
impl Lookup for Ambiguous {
    async fn get(&self, id: ActiveflowId) -> Answer<Option<Found>> {
        self.0.get(id).await
    }

    async fn list(&self, query: &ListQuery) -> Answer<Vec<Found>> {
        self.0.list(query).await
    }

    async fn control(&self, id: ActiveflowId, control: &Control) -> Answer<Controlled> {
        self.0.control(id, control).await?;
        self.0.control(id, control).await
    }

    async fn feed(&self, shard: Shard, after: &str, max: u32) -> Answer<Vec<FeedEntry>> {
        self.0.feed(shard, after, max).await
    }

    async fn trim(&self, shard: Shard, through: &str) -> Answer<()> {
        self.0.trim(shard, through).await?;
        self.0.trim(shard, through).await
    }
}
