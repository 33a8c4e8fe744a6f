//! One bounded pass over the shard: claims of dead workers, overdue claims, due waits, old ended activeflows.

use super::state::ShardState;
use common::ActiveflowId;
use common::identity::reference_key;
use common::limits::{CLAIM_OVERDUE, DEAD_ID_RETENTION, DEATHS_ALONE, SWEEP_BATCH};
use common::member::MemberId;
use common::ports::lookup::FeedKind;
use common::ports::upkeep::{Depth, SweepReport};
use common::record::{Entry, State, Suspect};
use flow::Timestamp;

impl ShardState {
    pub fn sweep(&mut self, dead: &[MemberId], now: Timestamp) -> SweepReport {
        let mut report = SweepReport { now, ..SweepReport::default() };
        self.note_dead(dead, now);
        self.free_dead(dead, now, &mut report);
        self.free_overdue(now, &mut report);
        self.fire_due(now, &mut report);
        self.forget_ended(now, &mut report);
        self.forget_used(now);
        self.sent.forget_old(now, SWEEP_BATCH);
        report.next_due = self.waits.first().map(|first| first.0);
        report
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

    fn free_dead(&mut self, dead: &[MemberId], now: Timestamp, report: &mut SweepReport) {
        let of_dead = |id: &ActiveflowId| {
            let token = self.activeflows.get(id).and_then(|activeflow| activeflow.record.token);
            token.is_some_and(|token| dead.contains(&token.worker))
        };
        let mut ids: Vec<ActiveflowId> = self.claims.iter().map(|claim| claim.1).filter(of_dead).collect();
        report.more |= ids.len() > SWEEP_BATCH;
        ids.truncate(SWEEP_BATCH);
        for id in ids {
            report.suspects += 1;
            self.drop_claim(id);
            if self.suspect_more(id) {
                self.make_ready(id, now);
            } else {
                report.quarantined += 1;
                self.quarantine(id, now);
            }
        }
    }

    /// Raises the suspicion. Returns false when workers died too often with the activeflow alone.
    fn suspect_more(&mut self, id: ActiveflowId) -> bool {
        let Some(activeflow) = self.activeflows.get_mut(&id) else { return true };
        activeflow.record.token = None;
        match activeflow.record.suspect {
            Suspect::No => activeflow.record.suspect = Suspect::Group,
            Suspect::Group => activeflow.record.suspect = Suspect::Alone,
            Suspect::Alone => activeflow.record.attempts += 1,
        }
        activeflow.record.attempts < DEATHS_ALONE
    }

    /// Quarantines an activeflow and frees its reference: entries that would start an activeflow go to the next owner, the
    /// others stay.
    fn quarantine(&mut self, id: ActiveflowId, now: Timestamp) {
        let Some(activeflow) = self.activeflows.get_mut(&id) else { return };
        activeflow.record.state = State::Quarantined;
        activeflow.record.updated = now;
        let key = reference_key(&activeflow.record.spec.reference);
        let owned = self.owners.get(&key) == Some(&id);
        self.note(id, FeedKind::Quarantined, now, Vec::new());
        if owned {
            self.owners.remove(&key);
            for entry in self.take_starting(id) {
                self.redeliver(&key, entry, now);
            }
        }
    }

    /// Takes the inbox entries that would start an activeflow.
    fn take_starting(&mut self, id: ActiveflowId) -> Vec<Entry> {
        let Some(activeflow) = self.activeflows.get_mut(&id) else { return Vec::new() };
        let starts = |entry: &Entry| matches!(entry, Entry::Event { start: Some(_), .. });
        let (starting, kept): (Vec<Entry>, Vec<Entry>) = activeflow.inbox.drain(..).partition(starts);
        activeflow.record.inbox_bytes -=
            starting.iter().map(|entry| entry.to_bytes().len() as u32).sum::<u32>();
        activeflow.inbox.extend(kept);
        starting
    }

    fn free_overdue(&mut self, now: Timestamp, report: &mut SweepReport) {
        let oldest = now.plus_micros(-(CLAIM_OVERDUE.as_micros() as i64));
        for (_, id) in batch(self.claims.iter(), oldest, report) {
            report.overdue += 1;
            self.drop_claim(id);
            if let Some(activeflow) = self.activeflows.get_mut(&id) {
                activeflow.record.token = None;
            }
            self.make_ready(id, now);
        }
    }

    fn fire_due(&mut self, now: Timestamp, report: &mut SweepReport) {
        for (due, id) in batch(self.waits.iter(), now, report) {
            self.waits.remove(&(due, id));
            report.late_us.push(now.micros_since(due).max(0) as u64);
            let Some(activeflow) = self.activeflows.get_mut(&id) else { continue };
            activeflow.record.deadline = None;
            let wait = activeflow.record.wait;
            self.push_input(id, Entry::Timer { wait }, now);
        }
    }

    fn forget_ended(&mut self, now: Timestamp, report: &mut SweepReport) {
        let oldest = now.plus_micros(-(self.limits.ended_retention.as_micros() as i64));
        for (at, id) in batch(self.ended.iter(), oldest, report) {
            self.ended.remove(&(at, id));
            report.forgotten += 1;
            let Some(activeflow) = self.activeflows.remove(&id) else { continue };
            if let Some(index) = self.index.get_mut(&activeflow.record.spec.customer_id) {
                index.remove(&(activeflow.record.created, id));
            }
        }
    }

    /// Forgets single-use references whose activeflow ended long ago.
    fn forget_used(&mut self, now: Timestamp) {
        let oldest = now.plus_micros(-(self.limits.ended_retention.as_micros() as i64));
        for key in self.used.until(oldest, SWEEP_BATCH) {
            if self.owners.contains_key(&key) {
                self.used.insert(key, now);
            } else {
                self.used.remove(&key);
            }
        }
    }

    pub fn depth(&self, now: Timestamp) -> Depth {
        let oldest = |lane: &std::collections::VecDeque<ActiveflowId>| {
            lane.front()
                .and_then(|id| self.activeflows.get(id))
                .map(|activeflow| activeflow.record.ready_since)
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

/// The first [`SWEEP_BATCH`] entries up to `until`; sets `more` if there are further ones.
fn batch<'a>(
    entries: impl Iterator<Item = &'a (Timestamp, ActiveflowId)>,
    until: Timestamp,
    report: &mut SweepReport,
) -> Vec<(Timestamp, ActiveflowId)> {
    let mut found: Vec<_> =
        entries.take_while(|entry| entry.0 <= until).take(SWEEP_BATCH + 1).copied().collect();
    report.more |= found.len() > SWEEP_BATCH;
    found.truncate(SWEEP_BATCH);
    found
}
