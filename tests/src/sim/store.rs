//! The state store as one process sees it: the model, through a network that loses, delays, doubles and releases late.

use super::fault::Fault;
use super::world::{Process, World};
use adapters::memory::Store;
use async_trait::async_trait;
use common::member::{Member, MemberId};
use common::ports::catalogue::{Edge, EdgeRecord, Publication, Published};
use common::ports::intake::{Deliver, Delivered};
use common::ports::lookup::{Controlled, FeedEntry, Found, ListQuery};
use common::ports::upkeep::{Depth, Swept};
use common::ports::work::{After, Bell, Claim, Claimed, Control, Outcome, Transition, Want};
use common::ports::{Catalogue, Intake, Lookup, Members, Upkeep, Work};
use common::{ActiveflowId, EventKey, Shard, StoreError};
use flow::{Definitions, Timestamp};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;

const POSSIBLE: &[Fault] = &[
    Fault::LostBefore,
    Fault::LostAfter,
    Fault::LostAfter,
    Fault::Refused,
    Fault::Slow,
    Fault::Slow,
    Fault::Late,
    Fault::Late,
    Fault::Doubled,
    Fault::CrashBefore,
    Fault::CrashAfter,
];

/// A late copy of what a person asked would undo what was asked since, so that is not doubled.
const OF_PERSONS: &[Fault] = &[Fault::LostBefore, Fault::LostAfter, Fault::Refused];

#[derive(Clone)]
pub struct SimStore {
    pub world: Arc<World>,
    pub process: Arc<Process>,
}

type Answer<T> = Result<T, StoreError>;

impl SimStore {
    async fn ask<T: Send + 'static>(
        &self,
        port: &'static str,
        what: String,
        operation: impl Fn(Arc<Store>) -> BoxFuture<'static, Answer<T>> + Send + Sync + 'static,
    ) -> Answer<T> {
        let World { time, .. } = &*self.world;
        self.world.may_go_on(&self.process).await;
        let fault = self.world.fault(port, if port == "control" { OF_PERSONS } else { POSSIBLE });
        if fault != Fault::None {
            self.world.say(format!("{}: {port} {what}: {fault:?}", self.process.name));
        }
        let lost = |reason: &str| StoreError::Unanswered { operation: port, reason: reason.into() };
        let answer = match fault {
            Fault::LostBefore => Err(lost("lost before")),
            Fault::Refused => Err(StoreError::Refused { operation: port, reason: "refused".into() }),
            Fault::LostAfter => {
                drop(self.effect(port, &what, &operation));
                Err(lost("lost after"))
            }
            Fault::Slow => {
                time.sleep(self.delay()).await;
                self.world.may_go_on(&self.process).await;
                let answer = self.effect(port, &what, &operation);
                time.sleep(self.delay()).await;
                answer
            }
            Fault::Late => {
                self.again_later(port, what, operation);
                time.sleep(self.delay()).await;
                Err(lost("late"))
            }
            Fault::Doubled => {
                let answer = self.effect(port, &what, &operation);
                self.again_later(port, what, operation);
                answer
            }
            Fault::CrashBefore => {
                self.world.kill(&self.process, &format!("before {port}"));
                Err(lost("dead"))
            }
            Fault::CrashAfter => {
                drop(self.effect(port, &what, &operation));
                self.world.kill(&self.process, &format!("after {port}"));
                Err(lost("dead"))
            }
            _ => self.effect(port, &what, &operation),
        };
        self.world.may_go_on(&self.process).await;
        answer
    }

    /// The operation takes effect, and the auditor looks at what it changed.
    fn effect<T>(
        &self,
        port: &'static str,
        what: &str,
        operation: &impl Fn(Arc<Store>) -> BoxFuture<'static, Answer<T>>,
    ) -> Answer<T> {
        effect(&self.world, &self.process.name, port, what, operation)
    }

    /// A request that the network kept: it takes effect some time, whoever may have died since.
    fn again_later<T: Send + 'static>(
        &self,
        port: &'static str,
        what: String,
        operation: impl Fn(Arc<Store>) -> BoxFuture<'static, Answer<T>> + Send + Sync + 'static,
    ) {
        let (world, name) = (self.world.clone(), format!("{} (late)", self.process.name));
        let delay = self.delay() * 2;
        tokio::spawn(async move {
            world.time.sleep(delay).await;
            drop(effect(&world, &name, port, &what, &operation));
        });
    }

    /// Mostly milliseconds, now and then longer than a lease.
    fn delay(&self) -> Duration {
        self.world.dice(|dice| if dice.percent(12) { dice.millis(1_000, 9_000) } else { dice.millis(1, 300) })
    }
}

fn effect<T>(
    world: &Arc<World>,
    who: &str,
    port: &'static str,
    what: &str,
    operation: &impl Fn(Arc<Store>) -> BoxFuture<'static, Answer<T>>,
) -> Answer<T> {
    let now = world.set_store_time();
    world.moved();
    // The model answers at once.
    let answer = operation(world.store.clone()).now_or_never().unwrap();
    let (after, census) = (world.store.everything(), world.store.census());
    for line in world.audit(|audit| audit.store_moved(port, now, after, census)) {
        world.say(format!("{who}: {port} {what}: {line}"));
    }
    answer
}

macro_rules! ask {
    ($self:ident, $port:literal, $what:expr, |$store:ident| $call:expr) => {
        $self.ask($port, $what, move |$store: Arc<Store>| $call.boxed()).await
    };
}

#[async_trait]
impl Intake for SimStore {
    fn shards(&self) -> u16 {
        self.world.store.shards()
    }

    async fn deliver(&self, event: &Deliver) -> Answer<Delivered> {
        let event = event.clone();
        ask!(self, "deliver", event.kind.clone(), |store| {
            let event = event.clone();
            async move { store.deliver(&event).await }
        })
    }

    async fn count_attempt(&self, shard: Shard, key: EventKey, attempt: u64) -> Answer<u32> {
        ask!(self, "count_attempt", String::new(), |store| async move {
            store.count_attempt(shard, key, attempt).await
        })
    }
}

#[async_trait]
impl Work for SimStore {
    async fn claim(&self, shard: Shard, worker: MemberId, nonce: u64, want: Want) -> Answer<Claimed> {
        ask!(self, "claim", format!("{shard} nonce {nonce}"), |store| async move {
            store.claim(shard, worker, nonce, want).await
        })
    }

    async fn commit(
        &self,
        claim: &Claim,
        version: u64,
        transition: &Transition,
        after: &After,
    ) -> Answer<Outcome> {
        let (claim, transition, after) = (*claim, transition.clone(), after.clone());
        ask!(self, "commit", format!("{} at {version}", short(claim.id)), |store| {
            let (transition, after) = (transition.clone(), after.clone());
            async move { store.commit(&claim, version, &transition, &after).await }
        })
    }

    async fn finish(&self, claim: &Claim, version: u64, unsettled: u32, after: &After) -> Answer<Outcome> {
        let (claim, after) = (*claim, after.clone());
        ask!(self, "finish", format!("{} at {version}", short(claim.id)), |store| {
            let after = after.clone();
            async move { store.finish(&claim, version, unsettled, &after).await }
        })
    }

    async fn release(&self, claim: &Claim) -> Answer<()> {
        let claim = *claim;
        ask!(self, "release", short(claim.id), |store| async move { store.release(&claim).await })
    }

    async fn listen_ready(&self) -> Box<dyn Bell> {
        Box::new(SimBell { world: self.world.clone(), bell: self.world.store.listen_ready().await })
    }
}

#[async_trait]
impl Upkeep for SimStore {
    async fn sweep(&self, shard: Shard, dead: &[MemberId]) -> Answer<Swept> {
        let dead = dead.to_vec();
        ask!(self, "sweep", format!("{shard} for {} dead", dead.len()), |store| {
            let dead = dead.clone();
            async move { store.sweep(shard, &dead).await }
        })
    }

    async fn depth(&self, shard: Shard) -> Answer<Depth> {
        ask!(self, "depth", String::new(), |store| async move { store.depth(shard).await })
    }

    async fn listen_due(&self) -> Box<dyn Bell> {
        Box::new(SimBell { world: self.world.clone(), bell: self.world.store.listen_due().await })
    }
}

#[async_trait]
impl Members for SimStore {
    async fn beat(&self, me: &Member, gone: &[MemberId]) -> Answer<Vec<Member>> {
        let (me, gone) = (me.clone(), gone.to_vec());
        ask!(self, "beat", format!("{}", me.beat), |store| {
            let (me, gone) = (me.clone(), gone.clone());
            async move { store.beat(&me, &gone).await }
        })
    }

    async fn leave(&self, me: MemberId) -> Answer<()> {
        ask!(self, "leave", String::new(), |store| async move { store.leave(me).await })
    }

    async fn members(&self) -> Answer<Vec<Member>> {
        ask!(self, "members", String::new(), |store| async move { store.members().await })
    }
}

#[async_trait]
impl Catalogue for SimStore {
    async fn publish(&self, publication: &Publication) -> Answer<Published> {
        let publication = publication.clone();
        ask!(self, "publish", format!("{}", publication.definitions.generation), |store| {
            let publication = publication.clone();
            async move { store.publish(&publication).await }
        })
    }

    async fn definitions(&self, than: u64) -> Answer<Option<Definitions>> {
        ask!(self, "definitions", format!("newer than {than}"), |store| async move {
            store.definitions(than).await
        })
    }

    async fn bundle(&self, hash: &str) -> Answer<Option<Vec<u8>>> {
        let hash = hash.to_owned();
        ask!(self, "bundle", String::new(), |store| {
            let hash = hash.clone();
            async move { store.bundle(&hash).await }
        })
    }

    async fn now(&self) -> Answer<Timestamp> {
        ask!(self, "now", String::new(), |store| async move { store.now().await })
    }

    async fn record_edge(&self, edge: &Edge) -> Answer<EdgeRecord> {
        let edge = edge.clone();
        ask!(self, "record_edge", edge.edge.clone(), |store| {
            let edge = edge.clone();
            async move { store.record_edge(&edge).await }
        })
    }

    async fn edge_published(&self, edge: &Edge) -> Answer<()> {
        let edge = edge.clone();
        ask!(self, "edge_published", edge.edge.clone(), |store| {
            let edge = edge.clone();
            async move { store.edge_published(&edge).await }
        })
    }

    async fn edges(&self) -> Answer<Vec<EdgeRecord>> {
        ask!(self, "edges", String::new(), |store| async move { store.edges().await })
    }
}

#[async_trait]
impl Lookup for SimStore {
    async fn get(&self, id: ActiveflowId) -> Answer<Option<Found>> {
        ask!(self, "get", short(id), |store| async move { store.get(id).await })
    }

    async fn list(&self, query: &ListQuery) -> Answer<Vec<Found>> {
        let query = query.clone();
        ask!(self, "list", String::new(), |store| {
            let query = query.clone();
            async move { store.list(&query).await }
        })
    }

    async fn control(&self, id: ActiveflowId, control: &Control) -> Answer<Controlled> {
        let control = control.clone();
        ask!(self, "control", format!("{control:?} of {}", short(id)), |store| {
            let control = control.clone();
            async move { store.control(id, &control).await }
        })
    }

    async fn feed(&self, shard: Shard, after: &str, max: u32) -> Answer<Vec<FeedEntry>> {
        let after = after.to_owned();
        ask!(self, "feed", String::new(), |store| {
            let after = after.clone();
            async move { store.feed(shard, &after, max).await }
        })
    }

    async fn trim(&self, shard: Shard, through: &str) -> Answer<()> {
        let through = through.to_owned();
        ask!(self, "trim", String::new(), |store| {
            let through = through.clone();
            async move { store.trim(shard, &through).await }
        })
    }
}

/// Rings are lost now and then, and only make things sooner.
struct SimBell {
    world: Arc<World>,
    bell: Box<dyn Bell>,
}

#[async_trait]
impl Bell for SimBell {
    async fn rung(&mut self) -> Shard {
        loop {
            let shard = self.bell.rung().await;
            if self.world.fault("bell", &[Fault::LostBefore, Fault::LostBefore]) == Fault::None {
                return shard;
            }
        }
    }
}

pub fn short(id: ActiveflowId) -> String {
    id.to_string()[..8].to_owned()
}
