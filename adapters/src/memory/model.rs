//! The content of the store: shards, and the data that belongs to no shard.

use super::limits::Limits;
use super::shard::ShardState;
use super::tracked::TrackedMap;
use super::wakeups::Wakeup;
use common::member::{Member, MemberId};
use common::ports::catalogue::{Publication, Published, RouteTransition, RouteTransitionRecord};
use common::ports::lookup::{ActiveflowSnapshot, ListQuery};
use common::{ActiveflowId, Shard};
use flow::{Definitions, Timestamp};

/// The content of the store.
pub struct Model {
    pub(crate) shards: Vec<ShardState>,
    pub(crate) members: TrackedMap<MemberId, Member>,
    pub(crate) definitions: Definitions,
    /// Whether definitions were published since changes were last taken.
    pub(crate) published: bool,
    pub(crate) bundles: TrackedMap<String, Vec<u8>>,
    pub(crate) route_transitions: TrackedMap<RouteTransition, RouteTransitionRecord>,
}

impl Model {
    pub fn new(shards: u16, limits: Limits) -> Model {
        Model {
            shards: (0..shards).map(|n| ShardState::new(Shard(n), limits)).collect(),
            members: TrackedMap::default(),
            definitions: Definitions::default(),
            published: false,
            bundles: TrackedMap::default(),
            route_transitions: TrackedMap::default(),
        }
    }

    pub fn shards(&self) -> u16 {
        self.shards.len() as u16
    }

    pub(crate) fn shard(&mut self, shard: Shard) -> &mut ShardState {
        let count = self.shards.len();
        &mut self.shards[usize::from(shard.0) % count]
    }

    /// Bytes that the state is counted with.
    pub fn bytes(&self) -> u64 {
        let bundles: usize = self.bundles.values().map(Vec::len).sum();
        bundles as u64 + self.shards.iter().map(ShardState::bytes).sum::<u64>()
    }

    pub fn everything(&self) -> Vec<ActiveflowSnapshot> {
        self.shards.iter().flat_map(ShardState::everything).collect()
    }

    pub fn find(&self, id: ActiveflowId) -> Option<ActiveflowSnapshot> {
        self.shards.iter().find_map(|shard| shard.get(id))
    }

    /// Takes the activeflows that changed or were removed since the last call.
    pub fn take_changed(&mut self) -> Vec<ActiveflowId> {
        let mut all = Vec::new();
        for shard in &mut self.shards {
            let (removed, changed) = shard.activeflows.take_changes();
            all.extend(removed.into_iter().map(|(id, _)| id).chain(changed));
        }
        all
    }

    /// # Errors
    /// The first activeflow whose record and indexes disagree.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.shards.iter().try_for_each(ShardState::check_invariants)
    }

    pub fn take_wakeups(&mut self) -> Vec<Wakeup> {
        self.shards.iter_mut().flat_map(ShardState::take_wakeups).collect()
    }

    /// Drops the collected changes. A store without persistence calls this, so that they do not pile up.
    pub fn forget_changes(&mut self) {
        self.shards.iter_mut().for_each(ShardState::forget_changes);
        self.members.forget_changes();
        self.published = false;
        self.bundles.forget_changes();
        self.route_transitions.forget_changes();
    }

    pub fn heartbeat(&mut self, me: &Member, gone: &[MemberId]) -> Vec<Member> {
        self.members.retain(|id, _| !gone.contains(id));
        let unchanged = |known: &Member| Member { heartbeats: me.heartbeats, ..known.clone() } == *me;
        if self.members.get(&me.id).is_some_and(unchanged) {
            self.members.insert_untracked(me.id, me.clone());
        } else {
            self.members.insert(me.id, me.clone());
        }
        self.members()
    }

    pub fn leave(&mut self, me: MemberId) {
        self.members.remove(&me);
        for shard in &mut self.shards {
            shard.nonces.remove(&me);
        }
    }

    pub fn members(&self) -> Vec<Member> {
        self.members.values().cloned().collect()
    }

    pub fn publish(&mut self, publication: &Publication) -> Published {
        let generation = self.definitions.generation;
        // The answer to an earlier call with this publication may have been lost.
        if publication.definitions == self.definitions && generation > 0 {
            return Published::Done;
        }
        if publication.definitions.generation != generation + 1 {
            return Published::Conflict { generation };
        }
        for (hash, bundle) in &publication.bundles {
            self.bundles.insert(hash.clone(), bundle.clone());
        }
        self.definitions = publication.definitions.clone();
        self.published = true;
        for shard in &mut self.shards {
            shard.raise_generation(generation + 1);
        }
        Published::Done
    }

    pub fn definitions(&self, than: u64) -> Option<Definitions> {
        (self.definitions.generation > than).then(|| self.definitions.clone())
    }

    pub fn bundle(&self, hash: &str) -> Option<Vec<u8>> {
        self.bundles.get(hash).cloned()
    }

    pub fn record_route_transition(
        &mut self,
        transition: &RouteTransition,
        now: Timestamp,
    ) -> RouteTransitionRecord {
        if let Some(recorded) = self.route_transitions.get(transition) {
            return recorded.clone();
        }
        let new =
            RouteTransitionRecord { transition: transition.clone(), recorded_at: now, published: false };
        self.route_transitions.insert(transition.clone(), new.clone());
        new
    }

    pub fn route_transition_published(&mut self, transition: &RouteTransition) {
        if let Some(record) = self.route_transitions.get_mut(transition) {
            record.published = true;
        }
    }

    pub fn route_transitions(&self) -> Vec<RouteTransitionRecord> {
        let mut transitions: Vec<RouteTransitionRecord> = self.route_transitions.values().cloned().collect();
        transitions.sort_by(|a, b| (a.transition.at, &a.transition).cmp(&(b.transition.at, &b.transition)));
        transitions
    }

    pub fn list(&self, query: &ListQuery) -> Vec<ActiveflowSnapshot> {
        let mut found: Vec<ActiveflowSnapshot> =
            self.shards.iter().flat_map(|shard| shard.list(query)).collect();
        found.sort_by_key(|f| std::cmp::Reverse((f.record.created, f.id)));
        found.truncate(query.limit as usize);
        found
    }
}
