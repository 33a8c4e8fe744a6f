//! A wrapper around a state store: every call passes through one hook, which may count it, time it, repeat it or make it fail.

use super::catalogue::{Publication, Published, RouteTransition, RouteTransitionRecord};
use super::intake::{Deliver, Delivered};
use super::lookup::{ActiveflowSnapshot, ControlRequest, Controlled, FeedEntry, ListQuery};
use super::upkeep::{Depth, SweepReport};
use super::work::{Claim, ClaimRequest, Claimed, CommitOutcome, Control, Disposition, Transition, Wakeups};
use super::{Catalogue, Intake, Lookup, Members, StateStore, Upkeep, Work};
use crate::member::{Member, MemberId};
use crate::{ActiveflowId, EventKey, Shard, StoreError};
use async_trait::async_trait;
use flow::{Definitions, Timestamp};
use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A state store whose every call goes through the interceptor `I`.
#[derive(Clone)]
pub struct Intercepted<I>(pub I);

/// The hook around the calls of a state store.
#[async_trait]
pub trait Interceptor: Send + Sync + 'static {
    /// The store that takes the next call.
    fn store(&self) -> Arc<dyn StateStore>;

    /// Answers one call. `run` performs the operation on a store, as often as it is called.
    ///
    /// # Errors
    /// The store's error, or one that the interceptor makes up.
    async fn call<T: Any + Send + Sync>(
        &self,
        operation: Arc<Operation>,
        run: Run<T>,
    ) -> Result<T, StoreError> {
        run(self.store(), operation).await
    }

    /// Wraps the wakeups that a caller listens to.
    fn wakeups(&self, wakeups: Box<dyn Wakeups>) -> Box<dyn Wakeups> {
        wakeups
    }
}

/// Performs an operation on a store. The operation may be a changed one, but must be of the kind that was called.
pub type Run<T> = fn(Arc<dyn StateStore>, Arc<Operation>) -> Running<T>;

/// The answer of a store, under way.
pub type Running<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// One call of the state store, with the arguments of the port's method.
#[derive(Clone, Debug)]
pub enum Operation {
    Deliver { event: Box<Deliver> },
    CountAttempt { shard: Shard, key: EventKey, attempt: u64 },
    Claim { shard: Shard, worker: MemberId, nonce: u64, want: ClaimRequest },
    Commit { claim: Claim, version: u64, transition: Transition, after: Disposition },
    Finish { claim: Claim, version: u64, unsettled: u32, after: Disposition },
    Release { claim: Claim },
    Sweep { shard: Shard, dead: Vec<MemberId> },
    Depth { shard: Shard },
    Heartbeat { me: Member, gone: Vec<MemberId> },
    Leave { me: MemberId },
    Members {},
    Publish { publication: Publication },
    Definitions { than: u64 },
    Bundle { hash: String },
    Now {},
    RecordRouteTransition { transition: RouteTransition },
    RouteTransitionPublished { transition: RouteTransition },
    RouteTransitions {},
    Get { id: ActiveflowId },
    List { query: ListQuery },
    Control { id: ActiveflowId, control: Control },
    ControlOnce { id: ActiveflowId, control: Control, request: ControlRequest },
    Feed { shard: Shard, after: String, max: u32 },
    Trim { shard: Shard, through: String },
}

impl Operation {
    /// The name of the port's method.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Deliver { .. } => "deliver",
            Operation::CountAttempt { .. } => "count_attempt",
            Operation::Claim { .. } => "claim",
            Operation::Commit { .. } => "commit",
            Operation::Finish { .. } => "finish",
            Operation::Release { .. } => "release",
            Operation::Sweep { .. } => "sweep",
            Operation::Depth { .. } => "depth",
            Operation::Heartbeat { .. } => "heartbeat",
            Operation::Leave { .. } => "leave",
            Operation::Members {} => "members",
            Operation::Publish { .. } => "publish",
            Operation::Definitions { .. } => "definitions",
            Operation::Bundle { .. } => "bundle",
            Operation::Now {} => "now",
            Operation::RecordRouteTransition { .. } => "record_route_transition",
            Operation::RouteTransitionPublished { .. } => "route_transition_published",
            Operation::RouteTransitions {} => "route_transitions",
            Operation::Get { .. } => "get",
            Operation::List { .. } => "list",
            Operation::Control { .. } => "control",
            Operation::ControlOnce { .. } => "control_once",
            Operation::Feed { .. } => "feed",
            Operation::Trim { .. } => "trim",
        }
    }
}

type Answer<T> = Result<T, StoreError>;

/// Packs a call's arguments into an operation and passes it to the interceptor together with the code that performs it.
macro_rules! intercept {
    ($self:ident, $kind:ident { $($field:ident $(: $value:expr)?),* }, |$store:ident| $run:expr) => {
        $self.0.call(Arc::new(Operation::$kind { $($field $(: $value)?),* }), |$store, operation| {
            Box::pin(async move {
                let Operation::$kind { $($field),* } = &*operation else {
                    unreachable!("{} was called, not {}", stringify!($kind), operation.name())
                };
                $run.await
            })
        }).await
    };
}

#[async_trait]
impl<I: Interceptor> Intake for Intercepted<I> {
    fn shards(&self) -> u16 {
        self.0.store().shards()
    }

    async fn deliver(&self, event: &Deliver) -> Answer<Delivered> {
        intercept!(self, Deliver { event: Box::new(event.clone()) }, |store| store.deliver(event))
    }

    async fn count_attempt(&self, shard: Shard, key: EventKey, attempt: u64) -> Answer<u32> {
        intercept!(self, CountAttempt { shard, key, attempt }, |store| {
            store.count_attempt(*shard, *key, *attempt)
        })
    }
}

#[async_trait]
impl<I: Interceptor> Work for Intercepted<I> {
    async fn claim(&self, shard: Shard, worker: MemberId, nonce: u64, want: ClaimRequest) -> Answer<Claimed> {
        intercept!(self, Claim { shard, worker, nonce, want }, |store| {
            store.claim(*shard, *worker, *nonce, *want)
        })
    }

    async fn commit(
        &self,
        claim: &Claim,
        version: u64,
        transition: &Transition,
        after: &Disposition,
    ) -> Answer<CommitOutcome> {
        intercept!(
            self,
            Commit { claim: *claim, version, transition: transition.clone(), after: after.clone() },
            |store| store.commit(claim, *version, transition, after)
        )
    }

    async fn finish(
        &self,
        claim: &Claim,
        version: u64,
        unsettled: u32,
        after: &Disposition,
    ) -> Answer<CommitOutcome> {
        intercept!(self, Finish { claim: *claim, version, unsettled, after: after.clone() }, |store| {
            store.finish(claim, *version, *unsettled, after)
        })
    }

    async fn release(&self, claim: &Claim) -> Answer<()> {
        intercept!(self, Release { claim: *claim }, |store| store.release(claim))
    }

    fn written_format(&self) -> u8 {
        self.0.store().written_format()
    }

    async fn listen_ready(&self) -> Box<dyn Wakeups> {
        self.0.wakeups(self.0.store().listen_ready().await)
    }
}

#[async_trait]
impl<I: Interceptor> Upkeep for Intercepted<I> {
    async fn sweep(&self, shard: Shard, dead: &[MemberId]) -> Answer<SweepReport> {
        intercept!(self, Sweep { shard, dead: dead.to_vec() }, |store| store.sweep(*shard, dead))
    }

    async fn depth(&self, shard: Shard) -> Answer<Depth> {
        intercept!(self, Depth { shard }, |store| store.depth(*shard))
    }

    async fn listen_due(&self) -> Box<dyn Wakeups> {
        self.0.wakeups(self.0.store().listen_due().await)
    }
}

#[async_trait]
impl<I: Interceptor> Members for Intercepted<I> {
    async fn heartbeat(&self, me: &Member, gone: &[MemberId]) -> Answer<Vec<Member>> {
        intercept!(self, Heartbeat { me: me.clone(), gone: gone.to_vec() }, |store| {
            store.heartbeat(me, gone)
        })
    }

    async fn leave(&self, me: MemberId) -> Answer<()> {
        intercept!(self, Leave { me }, |store| store.leave(*me))
    }

    async fn members(&self) -> Answer<Vec<Member>> {
        intercept!(self, Members {}, |store| store.members())
    }
}

#[async_trait]
impl<I: Interceptor> Catalogue for Intercepted<I> {
    async fn publish(&self, publication: &Publication) -> Answer<Published> {
        intercept!(self, Publish { publication: publication.clone() }, |store| store.publish(publication))
    }

    async fn definitions(&self, than: u64) -> Answer<Option<Definitions>> {
        intercept!(self, Definitions { than }, |store| store.definitions(*than))
    }

    async fn bundle(&self, hash: &str) -> Answer<Option<Vec<u8>>> {
        intercept!(self, Bundle { hash: hash.to_owned() }, |store| store.bundle(hash))
    }

    async fn now(&self) -> Answer<Timestamp> {
        intercept!(self, Now {}, |store| store.now())
    }

    async fn record_route_transition(&self, transition: &RouteTransition) -> Answer<RouteTransitionRecord> {
        intercept!(self, RecordRouteTransition { transition: transition.clone() }, |store| {
            store.record_route_transition(transition)
        })
    }

    async fn route_transition_published(&self, transition: &RouteTransition) -> Answer<()> {
        intercept!(self, RouteTransitionPublished { transition: transition.clone() }, |store| {
            store.route_transition_published(transition)
        })
    }

    async fn route_transitions(&self) -> Answer<Vec<RouteTransitionRecord>> {
        intercept!(self, RouteTransitions {}, |store| store.route_transitions())
    }
}

#[async_trait]
impl<I: Interceptor> Lookup for Intercepted<I> {
    async fn get(&self, id: ActiveflowId) -> Answer<Option<ActiveflowSnapshot>> {
        intercept!(self, Get { id }, |store| store.get(*id))
    }

    async fn list(&self, query: &ListQuery) -> Answer<Vec<ActiveflowSnapshot>> {
        intercept!(self, List { query: query.clone() }, |store| store.list(query))
    }

    async fn control(&self, id: ActiveflowId, control: &Control) -> Answer<Controlled> {
        intercept!(self, Control { id, control: control.clone() }, |store| store.control(*id, control))
    }

    async fn control_once(
        &self,
        id: ActiveflowId,
        control: &Control,
        request: &ControlRequest,
    ) -> Answer<Controlled> {
        intercept!(self, ControlOnce { id, control: control.clone(), request: *request }, |store| {
            store.control_once(*id, control, request)
        })
    }

    async fn feed(&self, shard: Shard, after: &str, max: u32) -> Answer<Vec<FeedEntry>> {
        intercept!(self, Feed { shard, after: after.to_owned(), max }, |store| {
            store.feed(*shard, after, *max)
        })
    }

    async fn trim(&self, shard: Shard, through: &str) -> Answer<()> {
        intercept!(self, Trim { shard, through: through.to_owned() }, |store| store.trim(*shard, through))
    }
}
