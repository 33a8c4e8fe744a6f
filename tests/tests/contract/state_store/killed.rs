//! A store whose process is killed between any two calls: the folder is taken as it is at that moment, opened again, and
//! the caller goes on there. The clock goes on; wakeups are lost.

use adapters::embedded::{self, Settings, Store};
use async_trait::async_trait;
use common::member::{Member, MemberId};
use common::ports::catalogue::{Publication, Published, RouteTransition, RouteTransitionRecord};
use common::ports::intake::{Deliver, Delivered};
use common::ports::lookup::{Controlled, FeedEntry, Found, ListQuery};
use common::ports::upkeep::{Depth, Swept};
use common::ports::work::{After, Claim, Claimed, CommitOutcome, Control, Transition, Wakeups, Want};
use common::ports::{Catalogue, Intake, Lookup, Members, Upkeep, Work};
use common::{ActiveflowId, EventKey, Shard, StoreError};
use flow::{Definitions, Timestamp};
use std::sync::Arc;
use tests::support::folder::Folder;
use tokio::sync::Mutex;

pub struct Killed {
    settings: Settings,
    life: Mutex<(Folder, Arc<Store>)>,
}

type Answer<T> = Result<T, StoreError>;

impl Killed {
    pub fn new(settings: Settings) -> Killed {
        let folder = Folder::new();
        let store = embedded::open(folder.path(), &settings).unwrap().store;
        Killed { settings, life: Mutex::new((folder, store)) }
    }

    /// The next life. What the one before would still write goes to a folder that nobody looks at.
    async fn next(&self) -> Arc<Store> {
        let mut life = self.life.lock().await;
        let folder = life.0.copy();
        let store = embedded::open(folder.path(), &self.settings).unwrap().store;
        *life = (folder, store.clone());
        store
    }
}

#[async_trait]
impl Intake for Killed {
    fn shards(&self) -> u16 {
        self.settings.shards
    }

    async fn deliver(&self, event: &Deliver) -> Answer<Delivered> {
        self.next().await.deliver(event).await
    }

    async fn count_attempt(&self, shard: Shard, key: EventKey, attempt: u64) -> Answer<u32> {
        self.next().await.count_attempt(shard, key, attempt).await
    }
}

#[async_trait]
impl Work for Killed {
    async fn claim(&self, shard: Shard, worker: MemberId, nonce: u64, want: Want) -> Answer<Claimed> {
        self.next().await.claim(shard, worker, nonce, want).await
    }

    async fn commit(
        &self,
        claim: &Claim,
        version: u64,
        made: &Transition,
        after: &After,
    ) -> Answer<CommitOutcome> {
        self.next().await.commit(claim, version, made, after).await
    }

    async fn finish(
        &self,
        claim: &Claim,
        version: u64,
        unsettled: u32,
        after: &After,
    ) -> Answer<CommitOutcome> {
        self.next().await.finish(claim, version, unsettled, after).await
    }

    async fn release(&self, claim: &Claim) -> Answer<()> {
        self.next().await.release(claim).await
    }

    async fn listen_ready(&self) -> Box<dyn Wakeups> {
        self.next().await.listen_ready().await
    }
}

#[async_trait]
impl Upkeep for Killed {
    async fn sweep(&self, shard: Shard, dead: &[MemberId]) -> Answer<Swept> {
        self.next().await.sweep(shard, dead).await
    }

    async fn depth(&self, shard: Shard) -> Answer<Depth> {
        self.next().await.depth(shard).await
    }

    async fn listen_due(&self) -> Box<dyn Wakeups> {
        self.next().await.listen_due().await
    }
}

#[async_trait]
impl Members for Killed {
    async fn heartbeat(&self, me: &Member, gone: &[MemberId]) -> Answer<Vec<Member>> {
        self.next().await.heartbeat(me, gone).await
    }

    async fn leave(&self, me: MemberId) -> Answer<()> {
        self.next().await.leave(me).await
    }

    async fn members(&self) -> Answer<Vec<Member>> {
        self.next().await.members().await
    }
}

#[async_trait]
impl Catalogue for Killed {
    async fn publish(&self, publication: &Publication) -> Answer<Published> {
        self.next().await.publish(publication).await
    }

    async fn definitions(&self, than: u64) -> Answer<Option<Definitions>> {
        self.next().await.definitions(than).await
    }

    async fn bundle(&self, hash: &str) -> Answer<Option<Vec<u8>>> {
        self.next().await.bundle(hash).await
    }

    async fn now(&self) -> Answer<Timestamp> {
        self.next().await.now().await
    }

    async fn record_route_transition(&self, transition: &RouteTransition) -> Answer<RouteTransitionRecord> {
        self.next().await.record_route_transition(transition).await
    }

    async fn route_transition_published(&self, transition: &RouteTransition) -> Answer<()> {
        self.next().await.route_transition_published(transition).await
    }

    async fn route_transitions(&self) -> Answer<Vec<RouteTransitionRecord>> {
        self.next().await.route_transitions().await
    }
}

#[async_trait]
impl Lookup for Killed {
    async fn get(&self, id: ActiveflowId) -> Answer<Option<Found>> {
        self.next().await.get(id).await
    }

    async fn list(&self, query: &ListQuery) -> Answer<Vec<Found>> {
        self.next().await.list(query).await
    }

    async fn control(&self, id: ActiveflowId, control: &Control) -> Answer<Controlled> {
        self.next().await.control(id, control).await
    }

    async fn feed(&self, shard: Shard, after: &str, max: u32) -> Answer<Vec<FeedEntry>> {
        self.next().await.feed(shard, after, max).await
    }

    async fn trim(&self, shard: Shard, through: &str) -> Answer<()> {
        self.next().await.trim(shard, through).await
    }
}
