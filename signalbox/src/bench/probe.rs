//! A probe between the roles and their ports: it forwards every call and records what happened, so that all services are
//! measured the same way.

use super::flows::KIND;
use super::run_log::RunLog;
use async_trait::async_trait;
use common::command::Message;
use common::member::{Member, MemberId};
use common::ports::bus::{Confirm, Deliveries, Rejection};
use common::ports::catalogue::{Publication, Published, RouteTransition, RouteTransitionRecord};
use common::ports::intake::{Deliver, Delivered};
use common::ports::lookup::{Controlled, FeedEntry, Found, ListQuery};
use common::ports::upkeep::{Depth, Swept};
use common::ports::work::{After, Claim, Claimed, CommitOutcome, Control, Transition, Wakeups, Want};
use common::ports::{Bus, Catalogue, Intake, Lookup, Members, StateStore, Upkeep, Work};
use common::{ActiveflowId, EventKey, Shard, StoreError};
use flow::{Definitions, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Commands of the bench leave under routing keys of their own, so that no gateway carries them out.
pub const COMMANDS: &str = "signalbox-bench";

/// The state store as the roles see it.
pub struct Store {
    inner: Arc<dyn StateStore>,
    log: RwLock<Option<Arc<RunLog>>>,
    /// Delay of each wait that became an input, in microseconds.
    lateness: Mutex<Vec<u64>>,
}

/// The bus as the roles see it.
pub struct Rerouted(pub Arc<dyn Bus>);

impl Store {
    pub fn new(inner: Arc<dyn StateStore>) -> Store {
        Store { inner, log: RwLock::default(), lateness: Mutex::default() }
    }

    /// Records into `log` from now on.
    pub fn record_into(&self, log: Option<Arc<RunLog>>) {
        *self.log.write().unwrap_or_else(PoisonError::into_inner) = log;
        self.late().clear();
    }

    pub fn take_lateness(&self) -> Vec<u64> {
        std::mem::take(&mut self.late())
    }

    fn late(&self) -> MutexGuard<'_, Vec<u64>> {
        self.lateness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, write: impl FnOnce(&RunLog)) {
        if let Some(log) = &*self.log.read().unwrap_or_else(PoisonError::into_inner) {
            write(log);
        }
    }

    fn rested(&self, id: ActiveflowId, after: &After, outcome: &CommitOutcome) {
        if !matches!(outcome, CommitOutcome::Released { .. }) {
            return;
        }
        match after {
            After::End { .. } => self.note(|log| log.ended(id)),
            After::Park { .. } => self.note(|log| log.parked(id)),
            After::KeepClaim | After::Pause | After::Yield => {}
        }
    }
}

#[async_trait]
impl Intake for Store {
    fn shards(&self) -> u16 {
        self.inner.shards()
    }

    async fn deliver(&self, event: &Deliver) -> Result<Delivered, StoreError> {
        let delivered = self.inner.deliver(event).await?;
        self.note(RunLog::delivered);
        Ok(delivered)
    }

    async fn count_attempt(&self, shard: Shard, key: EventKey, attempt: u64) -> Result<u32, StoreError> {
        self.inner.count_attempt(shard, key, attempt).await
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
        self.inner.claim(shard, worker, nonce, want).await
    }

    async fn commit(
        &self,
        claim: &Claim,
        version: u64,
        transition: &Transition,
        after: &After,
    ) -> Result<CommitOutcome, StoreError> {
        let outcome = self.inner.commit(claim, version, transition, after).await?;
        self.rested(claim.id, after, &outcome);
        Ok(outcome)
    }

    async fn finish(
        &self,
        claim: &Claim,
        version: u64,
        unsettled: u32,
        after: &After,
    ) -> Result<CommitOutcome, StoreError> {
        let outcome = self.inner.finish(claim, version, unsettled, after).await?;
        self.rested(claim.id, after, &outcome);
        Ok(outcome)
    }

    async fn release(&self, claim: &Claim) -> Result<(), StoreError> {
        self.inner.release(claim).await
    }

    async fn listen_ready(&self) -> Box<dyn Wakeups> {
        self.inner.listen_ready().await
    }
}

#[async_trait]
impl Upkeep for Store {
    async fn sweep(&self, shard: Shard, dead: &[MemberId]) -> Result<Swept, StoreError> {
        let swept = self.inner.sweep(shard, dead).await?;
        self.late().extend(&swept.late_us);
        Ok(swept)
    }

    async fn depth(&self, shard: Shard) -> Result<Depth, StoreError> {
        self.inner.depth(shard).await
    }

    async fn listen_due(&self) -> Box<dyn Wakeups> {
        self.inner.listen_due().await
    }
}

#[async_trait]
impl Members for Store {
    async fn heartbeat(&self, me: &Member, gone: &[MemberId]) -> Result<Vec<Member>, StoreError> {
        self.inner.heartbeat(me, gone).await
    }

    async fn leave(&self, me: MemberId) -> Result<(), StoreError> {
        self.inner.leave(me).await
    }

    async fn members(&self) -> Result<Vec<Member>, StoreError> {
        self.inner.members().await
    }
}

#[async_trait]
impl Catalogue for Store {
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError> {
        self.inner.publish(publication).await
    }

    async fn definitions(&self, than: u64) -> Result<Option<Definitions>, StoreError> {
        self.inner.definitions(than).await
    }

    async fn bundle(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.bundle(hash).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.inner.now().await
    }

    async fn record_route_transition(
        &self,
        transition: &RouteTransition,
    ) -> Result<RouteTransitionRecord, StoreError> {
        self.inner.record_route_transition(transition).await
    }

    async fn route_transition_published(&self, transition: &RouteTransition) -> Result<(), StoreError> {
        self.inner.route_transition_published(transition).await
    }

    async fn route_transitions(&self) -> Result<Vec<RouteTransitionRecord>, StoreError> {
        self.inner.route_transitions().await
    }
}

#[async_trait]
impl Lookup for Store {
    async fn get(&self, id: ActiveflowId) -> Result<Option<Found>, StoreError> {
        self.inner.get(id).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<Found>, StoreError> {
        self.inner.list(query).await
    }

    async fn control(&self, id: ActiveflowId, control: &Control) -> Result<Controlled, StoreError> {
        self.inner.control(id, control).await
    }

    async fn feed(&self, shard: Shard, after: &str, max: u32) -> Result<Vec<FeedEntry>, StoreError> {
        self.inner.feed(shard, after, max).await
    }

    async fn trim(&self, shard: Shard, through: &str) -> Result<(), StoreError> {
        self.inner.trim(shard, through).await
    }
}

#[async_trait]
impl Bus for Rerouted {
    async fn consume(&self) -> Box<dyn Deliveries> {
        self.0.consume().await
    }

    fn publish(&self, mut message: Message) -> Confirm {
        if message.reference.starts_with(KIND) {
            message.routing_key = format!("{COMMANDS}.{}", message.routing_key);
        }
        self.0.publish(message)
    }

    fn announce(&self, message: Message) -> Confirm {
        self.0.announce(message)
    }

    fn reject(&self, rejection: Rejection) -> Confirm {
        self.0.reject(rejection)
    }

    fn is_up(&self) -> bool {
        self.0.is_up()
    }
}
