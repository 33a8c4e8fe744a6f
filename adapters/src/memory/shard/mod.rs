//! One shard of the model: what a script of a real store may touch in one operation.

mod control;
mod deliver;
mod look;
mod settle;
mod sweep;
mod work;

use super::model::{Limits, Ring};
use common::member::MemberId;
use common::ports::lookup::FeedEntry;
use common::ports::work::Control;
use common::record::{Entry, Record, State, Suspect};
use common::{ActiveflowId, Shard};
use flow::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub const INBOX_ENTRIES: usize = 256;
pub const INBOX_BYTES: usize = 256 * 1_024;
pub const JOURNAL_ENTRIES: usize = 64;
pub const SUSPECT_GROUP: u32 = 32;
pub const DEATHS_ALONE: u8 = 5;
pub const CLAIM_OVERDUE_MS: i64 = 60_000;
pub const DEAD_NOTED_MS: i64 = 3_600_000;
/// How many of each kind one look at a shard handles.
pub const SWEEP_BATCH: usize = 256;

/// An activeflow with what waits for it.
pub(super) struct Held {
    record: Record,
    inbox: VecDeque<Entry>,
    outbox: Vec<Vec<u8>>,
    control: Option<Control>,
    journal: VecDeque<Vec<u8>>,
    /// When the standing claim was made.
    claimed_at: Timestamp,
}

/// What is ready, in the order in which it will be claimed: `resumed` before `fresh`, suspects only by idle workers.
#[derive(Default)]
struct Lanes {
    resumed: VecDeque<ActiveflowId>,
    fresh: VecDeque<ActiveflowId>,
    suspects: VecDeque<ActiveflowId>,
    alone: VecDeque<ActiveflowId>,
}

/// The events that were applied: three generations, all looked up, rotated by `deliver`.
struct Seen {
    generations: VecDeque<BTreeSet<[u8; 32]>>,
    since: Timestamp,
}

pub struct ShardState {
    id: Shard,
    limits: Limits,
    generation: u64,
    held: BTreeMap<ActiveflowId, Held>,
    owners: BTreeMap<[u8; 16], ActiveflowId>,
    lanes: Lanes,
    claims: BTreeSet<(Timestamp, ActiveflowId)>,
    waits: BTreeSet<(Timestamp, ActiveflowId)>,
    index: BTreeMap<String, BTreeSet<(Timestamp, ActiveflowId)>>,
    ended: BTreeSet<(Timestamp, ActiveflowId)>,
    dead: BTreeMap<MemberId, Timestamp>,
    /// The last nonce of each worker with what it claimed.
    nonces: BTreeMap<MemberId, (u64, Vec<ActiveflowId>)>,
    attempts: BTreeMap<[u8; 32], BTreeSet<u64>>,
    seen: Seen,
    feed: VecDeque<FeedEntry>,
    fed: u64,
    rings: Vec<Ring>,
}

impl ShardState {
    pub fn new(id: Shard, limits: Limits) -> ShardState {
        ShardState {
            id,
            limits,
            generation: 0,
            held: BTreeMap::new(),
            owners: BTreeMap::new(),
            lanes: Lanes::default(),
            claims: BTreeSet::new(),
            waits: BTreeSet::new(),
            index: BTreeMap::new(),
            ended: BTreeSet::new(),
            dead: BTreeMap::new(),
            nonces: BTreeMap::new(),
            attempts: BTreeMap::new(),
            seen: Seen { generations: VecDeque::from([BTreeSet::new()]), since: Timestamp::default() },
            feed: VecDeque::new(),
            fed: 0,
            rings: Vec::new(),
        }
    }

    pub fn take_rings(&mut self) -> Vec<Ring> {
        std::mem::take(&mut self.rings)
    }

    pub fn raise_generation(&mut self, generation: u64) {
        self.generation = self.generation.max(generation);
    }

    /// Makes an activeflow ready, at the end of the lane that fits it.
    fn make_ready(&mut self, id: ActiveflowId, now: Timestamp) {
        let Some(held) = self.held.get_mut(&id) else { return };
        held.record.state = State::Ready;
        held.record.ready_since = now;
        let lane = match held.record.suspect {
            Suspect::No => &mut self.lanes.resumed,
            Suspect::Group => &mut self.lanes.suspects,
            Suspect::Alone => &mut self.lanes.alone,
        };
        lane.push_back(id);
        if lane.len() == 1 {
            self.rings.push(Ring::Ready(self.id));
        }
    }

    /// An input or a control came: what is parked becomes ready.
    fn wake(&mut self, id: ActiveflowId, now: Timestamp) {
        if self.held.get(&id).is_some_and(|held| held.record.state == State::Waiting) {
            self.make_ready(id, now);
        }
    }

    fn push_input(&mut self, id: ActiveflowId, entry: Entry, now: Timestamp) {
        let Some(held) = self.held.get_mut(&id) else { return };
        held.record.inbox_bytes += entry.to_bytes().len() as u32;
        held.inbox.push_back(entry);
        self.wake(id, now);
    }

    fn note(&mut self, id: ActiveflowId, what: &str, at: Timestamp, journal: Vec<u8>) {
        self.fed += 1;
        let position = format!("{:020}", self.fed);
        self.feed.push_back(FeedEntry { position, id, what: what.into(), at, journal });
        while self.feed.len() > self.limits.feed_length as usize {
            self.feed.pop_front();
        }
    }

    /// Ends the standing claim, if there is one.
    fn drop_claim(&mut self, id: ActiveflowId) {
        if let Some(held) = self.held.get(&id) {
            self.claims.remove(&(held.claimed_at, id));
        }
    }

    fn drop_wait(&mut self, id: ActiveflowId) {
        if let Some(deadline) = self.held.get_mut(&id).and_then(|held| held.record.deadline.take()) {
            self.waits.remove(&(deadline, id));
        }
    }
}
