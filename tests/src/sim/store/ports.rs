//! The ports, each call as one request through the network.

use super::super::upgrade::Touch;
use super::super::world::{LEASE, World};
use super::{Answer, SimStore, SimWakeups, short};
use async_trait::async_trait;
use common::member::{Member, MemberId};
use common::ports::catalogue::{Publication, Published, RouteTransition, RouteTransitionRecord};
use common::ports::intake::{Deliver, Delivered, To};
use common::ports::lookup::{Controlled, FeedEntry, Found, ListQuery};
use common::ports::upkeep::{Depth, Swept};
use common::ports::work::{After, Claim, Claimed, CommitOutcome, Control, Transition, Wakeups, Want};
use common::ports::{Catalogue, Intake, Lookup, Members, Upkeep, Work};
use common::{ActiveflowId, EventKey, Shard};
use flow::{Definitions, Timestamp};
use futures_util::FutureExt;
use std::sync::Arc;

/// Asks the store with clones of what the request holds, as often as it takes effect.
macro_rules! ask {
    ($self:ident, $port:literal, $what:expr, $touch:expr, [$($part:ident),*], |$world:ident| $call:expr) => {{
        $(let $part = $part.to_owned();)*
        $self.ask($port, $what, $touch, move |$world: Arc<World>| {
            $(let $part = $part.clone();)*
            async move { Ok($call?) }.boxed()
        }).await
    }};
}

#[async_trait]
impl Intake for SimStore {
    fn shards(&self) -> u16 {
        self.world.store.shards()
    }

    async fn deliver(&self, event: &Deliver) -> Answer<Delivered> {
        let touch = match &event.to {
            To::Activeflow { id, .. } => Touch::One(*id),
            To::Reference { key, .. } => Touch::Owner(*key),
        };
        ask!(self, "deliver", event.kind.clone(), touch, [event], |world| {
            let delivered = world.store.deliver(&event).await?;
            if delivered == Delivered::Unmatched {
                world.audit(|audit| audit.unheard(&event.input));
            }
            Ok(delivered)
        })
    }

    async fn count_attempt(&self, shard: Shard, key: EventKey, attempt: u64) -> Answer<u32> {
        ask!(self, "count_attempt", String::new(), Touch::Nothing, [], |world| {
            world.store.count_attempt(shard, key, attempt).await
        })
    }
}

#[async_trait]
impl Work for SimStore {
    async fn claim(&self, shard: Shard, worker: MemberId, nonce: u64, want: Want) -> Answer<Claimed> {
        let process = self.process.clone();
        ask!(self, "claim", format!("{shard} nonce {nonce}"), Touch::Shard(shard), [process], |world| {
            let claimed = world.store.claim(shard, worker, nonce, want).await?;
            if let Claimed::Rows { rows, .. } = &claimed {
                world.curse(&process, rows);
            }
            Ok(claimed)
        })
    }

    async fn commit(
        &self,
        claim: &Claim,
        version: u64,
        transition: &Transition,
        after: &After,
    ) -> Answer<CommitOutcome> {
        let what = format!("{} at {version}", short(claim.id));
        ask!(self, "commit", what, Touch::One(claim.id), [claim, transition, after], |world| {
            world.store.commit(&claim, version, &transition, &after).await
        })
    }

    async fn finish(
        &self,
        claim: &Claim,
        version: u64,
        unsettled: u32,
        after: &After,
    ) -> Answer<CommitOutcome> {
        let what = format!("{} at {version}", short(claim.id));
        ask!(self, "finish", what, Touch::One(claim.id), [claim, after], |world| {
            world.store.finish(&claim, version, unsettled, &after).await
        })
    }

    async fn release(&self, claim: &Claim) -> Answer<()> {
        ask!(self, "release", short(claim.id), Touch::One(claim.id), [claim], |world| {
            world.store.release(&claim).await
        })
    }

    async fn listen_ready(&self) -> Box<dyn Wakeups> {
        Box::new(SimWakeups { world: self.world.clone(), wakeups: self.world.store.listen_ready().await })
    }
}

#[async_trait]
impl Upkeep for SimStore {
    async fn sweep(&self, shard: Shard, dead: &[MemberId]) -> Answer<Swept> {
        let what = format!("{shard} for {} dead", dead.len());
        ask!(self, "sweep", what, Touch::Shard(shard), [dead], |world| {
            let now = world.time.now();
            world.audit(|audit| audit.buried(&dead, now, LEASE));
            world.store.sweep(shard, &dead).await
        })
    }

    async fn depth(&self, shard: Shard) -> Answer<Depth> {
        ask!(self, "depth", String::new(), Touch::Nothing, [], |world| world.store.depth(shard).await)
    }

    async fn listen_due(&self) -> Box<dyn Wakeups> {
        Box::new(SimWakeups { world: self.world.clone(), wakeups: self.world.store.listen_due().await })
    }
}

#[async_trait]
impl Members for SimStore {
    async fn heartbeat(&self, me: &Member, gone: &[MemberId]) -> Answer<Vec<Member>> {
        let me = &Member { formats: (me.formats.0, self.process.reads()), ..me.clone() };
        let members =
            ask!(self, "heartbeat", me.heartbeats.to_string(), Touch::Nothing, [me, gone], |world| {
                let now = world.time.now();
                world.audit(|audit| audit.heartbeat(me.id, now));
                world.store.heartbeat(&me, &gone).await
            })?;
        self.process.write_what_all_read(&members);
        Ok(members)
    }

    async fn leave(&self, me: MemberId) -> Answer<()> {
        ask!(self, "leave", String::new(), Touch::Nothing, [], |world| world.store.leave(me).await)
    }

    async fn members(&self) -> Answer<Vec<Member>> {
        ask!(self, "members", String::new(), Touch::Nothing, [], |world| world.store.members().await)
    }
}

#[async_trait]
impl Catalogue for SimStore {
    async fn publish(&self, publication: &Publication) -> Answer<Published> {
        let what = publication.definitions.generation.to_string();
        ask!(self, "publish", what, Touch::Nothing, [publication], |world| {
            let published = world.store.publish(&publication).await?;
            world.audit(|audit| audit.published(&publication, published));
            Ok(published)
        })
    }

    async fn definitions(&self, than: u64) -> Answer<Option<Definitions>> {
        ask!(self, "definitions", format!("newer than {than}"), Touch::Nothing, [], |world| {
            world.store.definitions(than).await
        })
    }

    async fn bundle(&self, hash: &str) -> Answer<Option<Vec<u8>>> {
        ask!(self, "bundle", String::new(), Touch::Nothing, [hash], |world| world.store.bundle(&hash).await)
    }

    async fn now(&self) -> Answer<Timestamp> {
        ask!(self, "now", String::new(), Touch::Nothing, [], |world| world.store.now().await)
    }

    async fn record_route_transition(&self, transition: &RouteTransition) -> Answer<RouteTransitionRecord> {
        ask!(
            self,
            "record_route_transition",
            transition.transition.to_string(),
            Touch::Nothing,
            [transition],
            |world| {
                let record = world.store.record_route_transition(&transition).await?;
                let latest = world.latest_store_time();
                world.audit(|audit| audit.route_transition_recorded(&record, latest));
                Ok(record)
            }
        )
    }

    async fn route_transition_published(&self, transition: &RouteTransition) -> Answer<()> {
        ask!(
            self,
            "route_transition_published",
            transition.transition.to_string(),
            Touch::Nothing,
            [transition],
            |world| {
                world.audit(|audit| audit.route_transition_marked(&transition));
                world.store.route_transition_published(&transition).await
            }
        )
    }

    async fn route_transitions(&self) -> Answer<Vec<RouteTransitionRecord>> {
        ask!(self, "route_transitions", String::new(), Touch::Nothing, [], |world| world
            .store
            .route_transitions()
            .await)
    }
}

#[async_trait]
impl Lookup for SimStore {
    async fn get(&self, id: ActiveflowId) -> Answer<Option<Found>> {
        ask!(self, "get", short(id), Touch::One(id), [], |world| world.store.get(id).await)
    }

    async fn list(&self, query: &ListQuery) -> Answer<Vec<Found>> {
        ask!(self, "list", String::new(), Touch::Nothing, [query], |world| world.store.list(&query).await)
    }

    async fn control(&self, id: ActiveflowId, control: &Control) -> Answer<Controlled> {
        let what = format!("{control:?} of {}", short(id));
        ask!(self, "control", what, Touch::One(id), [control], |world| world
            .store
            .control(id, &control)
            .await)
    }

    async fn feed(&self, shard: Shard, after: &str, max: u32) -> Answer<Vec<FeedEntry>> {
        ask!(self, "feed", shard.to_string(), Touch::Nothing, [after], |world| {
            world.store.feed(shard, &after, max).await
        })
    }

    async fn trim(&self, shard: Shard, through: &str) -> Answer<()> {
        ask!(self, "trim", shard.to_string(), Touch::Nothing, [through], |world| {
            world.store.trim(shard, &through).await
        })
    }
}
