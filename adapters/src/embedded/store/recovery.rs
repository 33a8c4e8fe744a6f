//! Recovery of the model from its records: one scan ordered by key rebuilds every index.

use super::keys::Key;
use super::records;
use crate::embedded::disk::Unreadable;
use crate::memory::shard::{ActiveflowEntry, ShardState, feed_position};
use crate::memory::{Limits, Model};
use common::identity::reference_key;
use common::record::State;
use common::{ActiveflowId, Shard};
use flow::Timestamp;

pub struct Recovery {
    model: Model,
    /// Latest time in any record.
    newest: Timestamp,
    /// Ready activeflows of each shard, with their places in the queue.
    ready: Vec<Vec<(u64, ActiveflowId)>>,
    /// The last activeflow that was read; its journal entries follow.
    last: Option<(Shard, u64, ActiveflowId)>,
    /// Whether the folder contains a store.
    found: bool,
}

impl Recovery {
    pub fn new(shards: u16, limits: Limits) -> Recovery {
        Recovery {
            model: Model::new(shards, limits),
            newest: Timestamp::default(),
            ready: vec![Vec::new(); usize::from(shards)],
            last: None,
            found: false,
        }
    }

    /// Adds one record to the model.
    ///
    /// # Errors
    /// The record has a newer format, is damaged, or belongs to a store with another number of shards.
    pub fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), Unreadable> {
        let parts = records::open(value)?;
        let Some(key) = Key::from_bytes(key) else { return Err(damaged("a record with an unknown key")) };
        match key {
            Key::Store => self.store(parts.0)?,
            Key::Activeflow(shard, number) => {
                let (id, mut held) = records::from_activeflow(parts, number)?;
                held.bytes = records::activeflow_bytes(value.len(), &held);
                self.last = Some((shard, number, id));
                self.activeflow(shard, id, held)?;
            }
            Key::Trigger(shard, number) => {
                let held =
                    self.held(shard, number).ok_or_else(|| damaged("a trigger without its activeflow"))?;
                held.trigger = parts.0.to_vec();
                held.bytes += parts.0.len() as u64;
                self.model.shard(shard).activeflow_bytes += parts.0.len() as u64;
            }
            Key::Journal(shard, number, entry) => {
                let held = self
                    .held(shard, number)
                    .ok_or_else(|| damaged("a journal entry without its activeflow"))?;
                held.journal.restore(entry, parts.0.to_vec());
                held.bytes += parts.0.len() as u64;
                self.model.shard(shard).activeflow_bytes += parts.0.len() as u64;
            }
            Key::Bundle(hash) => self.model.bundles.insert_untracked(hash, parts.0.to_vec()),
            Key::Definitions => self.model.definitions = records::from_json(parts, "the definitions")?,
            Key::RouteTransition(transition) => {
                let record: common::ports::catalogue::RouteTransitionRecord =
                    records::from_json(parts, "a transition")?;
                self.newest = self.newest.max(record.recorded_at);
                self.model.route_transitions.insert_untracked(transition, record);
            }
            Key::Member(id) => {
                self.model.members.insert_untracked(id, records::from_json(parts, "a member")?);
            }
            Key::Dead(shard, id) => {
                let mut parts = parts;
                let noted = parts.time().ok_or_else(|| damaged("the time of a death"))?;
                self.newest = self.newest.max(noted);
                self.shard(shard)?.dead.insert_untracked(id, noted);
            }
            Key::Used(shard, reference) => {
                let mut parts = parts;
                let at = parts.time().ok_or_else(|| damaged("the time of a used reference"))?;
                self.newest = self.newest.max(at);
                self.shard(shard)?.used.restore(reference, at);
            }
            Key::Sent(shard, pair) => {
                let times = records::from_sent(parts);
                self.newest = times.iter().copied().fold(self.newest, Timestamp::max);
                self.shard(shard)?.sent.restore(pair, times);
            }
            Key::Feed(shard, number) => {
                let entry = records::from_feed(parts, feed_position(number))?;
                self.newest = self.newest.max(entry.at);
                self.shard(shard)?.feed.restore(number, entry);
            }
            Key::Head(shard) => {
                let head = records::from_head(parts)?;
                self.newest = self.newest.max(head.seen.unwrap_or_default().0);
                self.shard(shard)?.restore_head(&head);
            }
            Key::Nonce(shard, id) => {
                let nonce = records::from_nonce(parts)?;
                self.shard(shard)?.nonces.insert_untracked(id, nonce);
            }
            Key::Marks(shard, generation, _) => {
                self.shard(shard)?.dedup.restore(generation, records::from_marks(parts));
            }
            Key::Attempts(shard, event) => {
                let attempts = records::from_attempts(parts).collect();
                self.shard(shard)?.attempts.insert_untracked(event, attempts);
            }
        }
        Ok(())
    }

    /// The activeflow with this number, if it was read last: its other records follow it.
    fn held(&mut self, shard: Shard, number: u64) -> Option<&mut ActiveflowEntry> {
        let (_, _, id) = self.last.filter(|last| (last.0, last.1) == (shard, number))?;
        self.model.shard(shard).activeflows.get_mut_untracked(&id)
    }

    fn store(&mut self, shards: &[u8]) -> Result<(), Unreadable> {
        let found = <[u8; 2]>::try_from(shards).map(u16::from_be_bytes).map_err(|_| damaged("the store"))?;
        let wanted = self.model.shards();
        if found != wanted {
            let what = format!(
                "the store has {found} shards and engine.shards is {wanted}: set engine.shards to {found}, it cannot be changed"
            );
            return Err(Unreadable::Unsuitable { what });
        }
        self.found = true;
        Ok(())
    }

    fn shard(&mut self, shard: Shard) -> Result<&mut ShardState, Unreadable> {
        let missing = || damaged(&format!("a record of shard {shard}"));
        self.model.shards.get_mut(usize::from(shard.0)).ok_or_else(missing)
    }

    fn activeflow(&mut self, at: Shard, id: ActiveflowId, held: ActiveflowEntry) -> Result<(), Unreadable> {
        let record = &held.record;
        let newest = [record.created, record.updated, record.ready_since, held.claimed_at];
        self.newest = newest.into_iter().fold(self.newest, Timestamp::max);
        let shard = self.shard(at)?;
        shard.started = shard.started.max(held.number + 1);
        shard.index.entry(record.spec.customer_id.clone()).or_default().insert((record.created, id));
        if record.owner && !matches!(record.state, State::Ended | State::Quarantined) {
            shard.owners.insert(reference_key(&record.spec.reference), id);
        }
        shard.waits.extend(record.deadline.map(|deadline| (deadline, id)));
        match record.state {
            State::Ready => shard.readied = shard.readied.max(held.place + 1),
            State::Claimed => _ = shard.claims.insert((held.claimed_at, id)),
            State::Ended => _ = shard.ended.insert((record.updated, id)),
            State::Waiting | State::Paused | State::Quarantined => {}
        }
        if record.state == State::Ready {
            self.ready[usize::from(at.0)].push((held.place, id));
        }
        let shard = self.shard(at)?;
        shard.activeflow_bytes += held.bytes;
        shard.activeflows.insert_untracked(id, held);
        Ok(())
    }

    /// Returns the model, the latest time in any record, and whether the folder contains a store.
    pub fn finish(mut self) -> (Model, Timestamp, bool) {
        for (shard, mut ready) in self.model.shards.iter_mut().zip(self.ready) {
            ready.sort_unstable();
            shard.restore_lanes(ready.into_iter().map(|(_, id)| id));
        }
        (self.model, self.newest, self.found)
    }
}

fn damaged(what: &str) -> Unreadable {
    Unreadable::Damaged { what: format!("{what} is truncated or damaged") }
}
