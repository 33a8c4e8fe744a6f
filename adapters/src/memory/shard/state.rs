//! The state of a shard and its indexes, with the steps that several operations share.

use super::activeflow::ActiveflowEntry;
use super::lanes::Lanes;
use super::sent::SentMessages;
use super::used::UsedReferences;
use crate::memory::dedup::DedupWindow;
use crate::memory::limits::Limits;
use crate::memory::tracked::{BoundedLog, TrackedMap};
use crate::memory::wakeups::Wakeup;
use common::member::MemberId;
use common::ports::lookup::{FeedEntry, FeedKind};
use common::record::{Entry, State};
use common::{ActiveflowId, Shard};
use flow::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes that a mark of an applied event is counted with: the mark and its share of the map.
const MARK_BYTES: u64 = 24;
/// Bytes that a pair of numbers with recent messages is counted with.
const PAIR_BYTES: u64 = 256;
/// Bytes that an entry of the feed is counted with.
const FEED_ENTRY_BYTES: u64 = 512;

pub(crate) struct ShardState {
    pub id: Shard,
    pub(super) limits: Limits,
    pub generation: u64,
    pub activeflows: TrackedMap<ActiveflowId, ActiveflowEntry>,
    /// Bytes of all activeflows when they were last written.
    pub activeflow_bytes: u64,
    /// Number of the next activeflow.
    pub started: u64,
    /// Place of the next activeflow that becomes ready.
    pub readied: u64,
    pub owners: BTreeMap<[u8; 16], ActiveflowId>,
    pub lanes: Lanes,
    pub claims: BTreeSet<(Timestamp, ActiveflowId)>,
    pub waits: BTreeSet<(Timestamp, ActiveflowId)>,
    pub index: BTreeMap<String, BTreeSet<(Timestamp, ActiveflowId)>>,
    pub ended: BTreeSet<(Timestamp, ActiveflowId)>,
    pub used: UsedReferences,
    pub sent: SentMessages,
    pub dead: TrackedMap<MemberId, Timestamp>,
    /// Last nonce of each worker, with the activeflows that it claimed.
    pub nonces: TrackedMap<MemberId, (u64, Vec<ActiveflowId>)>,
    pub attempts: TrackedMap<[u8; 32], BTreeSet<u64>>,
    pub dedup: DedupWindow,
    pub feed: BoundedLog<FeedEntry>,
    pub(super) wakeups: Vec<Wakeup>,
    written: Head,
}

/// State of a shard outside its records.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub generation: u64,
    /// Start of the newest dedup generation, and its number.
    pub seen: Option<(Timestamp, u64)>,
    /// While the feed is empty: number of its next entry.
    pub fed: u64,
}

/// Position of the feed's entry `number`.
pub(crate) fn feed_position(number: u64) -> String {
    format!("{:020}", number + 1)
}

impl ShardState {
    pub fn new(id: Shard, limits: Limits) -> ShardState {
        ShardState {
            id,
            limits,
            generation: 0,
            activeflows: TrackedMap::default(),
            activeflow_bytes: 0,
            started: 0,
            readied: 0,
            owners: BTreeMap::new(),
            lanes: Lanes::default(),
            claims: BTreeSet::new(),
            waits: BTreeSet::new(),
            index: BTreeMap::new(),
            ended: BTreeSet::new(),
            used: UsedReferences::default(),
            sent: SentMessages::default(),
            dead: TrackedMap::default(),
            nonces: TrackedMap::default(),
            attempts: TrackedMap::default(),
            dedup: DedupWindow::default(),
            feed: BoundedLog::default(),
            wakeups: Vec::new(),
            written: Head::default(),
        }
    }

    /// Bytes that the activeflows, the marks of applied events, recent messages and the feed are counted with.
    pub fn bytes(&self) -> u64 {
        self.activeflow_bytes
            + self.dedup.len() * MARK_BYTES
            + self.sent.len() as u64 * PAIR_BYTES
            + self.feed.len() as u64 * FEED_ENTRY_BYTES
    }

    pub fn take_wakeups(&mut self) -> Vec<Wakeup> {
        std::mem::take(&mut self.wakeups)
    }

    /// Takes the head if it changed since the last call.
    pub fn take_head(&mut self) -> Option<Head> {
        let seen = self.dedup.newest().map(|newest| (self.dedup.since(), newest));
        let fed = if self.feed.is_empty() { self.feed.end() } else { 0 };
        let head = Head { generation: self.generation, seen, fed };
        (std::mem::replace(&mut self.written, head) != head).then_some(head)
    }

    pub fn restore_head(&mut self, head: &Head) {
        self.generation = head.generation;
        if let Some((since, newest)) = head.seen {
            self.dedup.restore_window(since, newest);
        }
        if self.feed.is_empty() {
            self.feed.restore_end(head.fed);
        }
        self.written = *head;
    }

    /// Restores the lanes from the ready activeflows, in the order in which they became ready.
    pub fn restore_lanes(&mut self, ready: impl Iterator<Item = ActiveflowId>) {
        for id in ready {
            if let Some(activeflow) = self.activeflows.get(&id) {
                self.lanes.of(activeflow).push_back(id);
            }
        }
    }

    /// Workers that hold a claim.
    pub fn holders(&self) -> BTreeSet<MemberId> {
        let holder = |id: &ActiveflowId| self.activeflows.get(id)?.record.token.map(|token| token.worker);
        self.claims.iter().filter_map(|(_, id)| holder(id)).collect()
    }

    /// Drops the collected changes.
    pub fn forget_changes(&mut self) {
        self.activeflows.forget_changes();
        self.dead.forget_changes();
        self.used.forget_changes();
        self.sent.forget_changes();
        self.nonces.forget_changes();
        self.attempts.forget_changes();
        self.dedup.forget_changes();
    }

    pub fn raise_generation(&mut self, generation: u64) {
        self.generation = self.generation.max(generation);
    }

    /// Makes an activeflow ready, at the end of its lane.
    pub(super) fn make_ready(&mut self, id: ActiveflowId, now: Timestamp) {
        let Some(activeflow) = self.activeflows.get_mut(&id) else { return };
        activeflow.record.state = State::Ready;
        activeflow.record.ready_since = now;
        activeflow.fresh = false;
        self.enqueue(id);
    }

    /// Appends a ready activeflow to its lane.
    pub(super) fn enqueue(&mut self, id: ActiveflowId) {
        let Some(activeflow) = self.activeflows.get_mut(&id) else { return };
        activeflow.place = self.readied;
        self.readied += 1;
        let lane = self.lanes.of(activeflow);
        lane.push_back(id);
        if lane.len() == 1 {
            self.wakeups.push(Wakeup::Ready(self.id));
        }
    }

    /// Makes a parked activeflow ready.
    pub(super) fn wake(&mut self, id: ActiveflowId, now: Timestamp) {
        if self.activeflows.get(&id).is_some_and(|activeflow| activeflow.record.state == State::Waiting) {
            self.make_ready(id, now);
        }
    }

    pub(super) fn push_input(&mut self, id: ActiveflowId, entry: Entry, now: Timestamp) {
        let Some(activeflow) = self.activeflows.get_mut(&id) else { return };
        activeflow.record.inbox_bytes += entry.to_bytes().len() as u32;
        activeflow.inbox.push_back(entry);
        self.wake(id, now);
    }

    pub(super) fn note(&mut self, id: ActiveflowId, kind: FeedKind, at: Timestamp, journal: Vec<u8>) {
        let position = feed_position(self.feed.end());
        let entry = FeedEntry { position, id, kind, at, journal };
        self.feed.push(entry, self.limits.feed_length as usize);
    }

    /// Removes the current claim, if there is one.
    pub(super) fn drop_claim(&mut self, id: ActiveflowId) {
        if let Some(activeflow) = self.activeflows.get(&id) {
            self.claims.remove(&(activeflow.claimed_at, id));
        }
    }

    pub(super) fn drop_wait(&mut self, id: ActiveflowId) {
        if let Some(deadline) =
            self.activeflows.get_mut(&id).and_then(|activeflow| activeflow.record.deadline.take())
        {
            self.waits.remove(&(deadline, id));
        }
    }
}
