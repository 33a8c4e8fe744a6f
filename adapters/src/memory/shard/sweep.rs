//! One bounded look at the shard: the dead, the overdue, the due, the old.

use super::state::ShardState;
use common::ActiveflowId;
use common::identity::reference_key;
use common::limits::{CLAIM_OVERDUE, DEAD_ID_RETENTION, DEATHS_ALONE, SWEEP_BATCH};
use common::member::MemberId;
use common::ports::lookup::FeedKind;
use common::ports::upkeep::{Depth, Swept};
use common::record::{Entry, State, Suspect};
use flow::Timestamp;

impl ShardState {
    pub fn sweep(&mut self, dead: &[MemberId], now: Timestamp) -> Swept {
        let mut swept = Swept { now, ..Swept::default() };
        self.note_dead(dead, now);
        self.free_dead(dead, now, &mut swept);
        self.free_overdue(now, &mut swept);
        self.fire_due(now, &mut swept);
        self.forget_ended(now, &mut swept);
        swept.next_due = self.waits.first().map(|first| first.0);
        swept
    }

    fn note_dead(&mut self, dead: &[MemberId], now: Timestamp) {
        self.dead.retain(|_, noted| now.micros_since(*noted) < DEAD_ID_RETENTION.as_micros() as i64);
        for id in dead {
            if !self.dead.contains_key(id) {
                self.dead.insert(*id, now);
            }
            self.nonces.remove(id);
        }
    }

    fn free_dead(&mut self, dead: &[MemberId], now: Timestamp, swept: &mut Swept) {
        let of_dead = |id: &ActiveflowId| {
            let token = self.held.get(id).and_then(|held| held.record.token);
            token.is_some_and(|token| dead.contains(&token.worker))
        };
        let mut ids: Vec<ActiveflowId> = self.claims.iter().map(|claim| claim.1).filter(of_dead).collect();
        swept.more |= ids.len() > SWEEP_BATCH;
        ids.truncate(SWEEP_BATCH);
        for id in ids {
            swept.suspects += 1;
            self.drop_claim(id);
            if self.suspect_more(id) {
                self.make_ready(id, now);
            } else {
                swept.quarantined += 1;
                self.quarantine(id, now);
            }
        }
    }

    /// Raises the suspicion; `false` when it died alone too often.
    fn suspect_more(&mut self, id: ActiveflowId) -> bool {
        let Some(held) = self.held.get_mut(&id) else { return true };
        held.record.token = None;
        match held.record.suspect {
            Suspect::No => held.record.suspect = Suspect::Group,
            Suspect::Group => held.record.suspect = Suspect::Alone,
            Suspect::Alone => held.record.attempts += 1,
        }
        held.record.attempts < DEATHS_ALONE
    }

    /// Out of everybody's way: what waits and would start something goes to the next owner, the rest waits for a person.
    fn quarantine(&mut self, id: ActiveflowId, now: Timestamp) {
        let Some(held) = self.held.get_mut(&id) else { return };
        held.record.state = State::Quarantined;
        held.record.updated = now;
        let key = reference_key(&held.record.spec.reference);
        let owned = self.owners.get(&key) == Some(&id);
        self.note(id, FeedKind::Quarantined, now, Vec::new());
        if owned {
            self.owners.remove(&key);
            for entry in self.take_starting(id) {
                self.hand_on(&key, entry, now);
            }
        }
    }

    /// Takes the inbox entries that would start something.
    fn take_starting(&mut self, id: ActiveflowId) -> Vec<Entry> {
        let Some(held) = self.held.get_mut(&id) else { return Vec::new() };
        let starts = |entry: &Entry| matches!(entry, Entry::Event { start: Some(_), .. });
        let (starting, kept): (Vec<Entry>, Vec<Entry>) = held.inbox.drain(..).partition(starts);
        held.record.inbox_bytes -= starting.iter().map(|entry| entry.to_bytes().len() as u32).sum::<u32>();
        held.inbox.extend(kept);
        starting
    }

    fn free_overdue(&mut self, now: Timestamp, swept: &mut Swept) {
        let oldest = now.plus_micros(-(CLAIM_OVERDUE.as_micros() as i64));
        for (_, id) in batch(self.claims.iter(), oldest, swept) {
            swept.overdue += 1;
            self.drop_claim(id);
            if let Some(held) = self.held.get_mut(&id) {
                held.record.token = None;
            }
            self.make_ready(id, now);
        }
    }

    fn fire_due(&mut self, now: Timestamp, swept: &mut Swept) {
        for (due, id) in batch(self.waits.iter(), now, swept) {
            self.waits.remove(&(due, id));
            swept.late_us.push(now.micros_since(due).max(0) as u64);
            let Some(held) = self.held.get_mut(&id) else { continue };
            held.record.deadline = None;
            let wait = held.record.wait;
            self.push_input(id, Entry::Timer { wait }, now);
        }
    }

    fn forget_ended(&mut self, now: Timestamp, swept: &mut Swept) {
        let oldest = now.plus_micros(-(self.limits.ended_retention.as_micros() as i64));
        for (at, id) in batch(self.ended.iter(), oldest, swept) {
            self.ended.remove(&(at, id));
            swept.forgotten += 1;
            let Some(held) = self.held.remove(&id) else { continue };
            if let Some(index) = self.index.get_mut(&held.record.spec.customer_id) {
                index.remove(&(held.record.created, id));
            }
        }
    }

    pub fn depth(&self, now: Timestamp) -> Depth {
        let oldest = |lane: &std::collections::VecDeque<ActiveflowId>| {
            lane.front().and_then(|id| self.held.get(id)).map(|held| held.record.ready_since)
        };
        let lanes = &self.lanes;
        Depth {
            now,
            resumed: lanes.resumed.len() as u64,
            new: lanes.fresh.len() as u64,
            suspects: (lanes.suspects.len() + lanes.alone.len()) as u64,
            claimed: self.claims.len() as u64,
            waits: self.waits.len() as u64,
            oldest_ready: [&lanes.resumed, &lanes.fresh, &lanes.suspects, &lanes.alone]
                .into_iter()
                .filter_map(oldest)
                .min(),
        }
    }
}

/// The first [`SWEEP_BATCH`] entries up to `until`, noting whether there are more.
fn batch<'a>(
    entries: impl Iterator<Item = &'a (Timestamp, ActiveflowId)>,
    until: Timestamp,
    swept: &mut Swept,
) -> Vec<(Timestamp, ActiveflowId)> {
    let mut found: Vec<_> =
        entries.take_while(|entry| entry.0 <= until).take(SWEEP_BATCH + 1).copied().collect();
    swept.more |= found.len() > SWEEP_BATCH;
    found.truncate(SWEEP_BATCH);
    found
}
