//! Who holds what, who was silent, and what died how often.

use super::super::promise::Promise;
use super::super::store::short;
use super::Audit;
use super::change::Change;
use common::ActiveflowId;
use common::member::MemberId;
use common::ports::lookup::Found;
use common::record::{State, Suspect};
use std::collections::BTreeMap;
use std::time::Duration;

/// As many suspects one worker holds at once.
const GROUP: usize = 32;
const DEATHS_ALONE: u32 = 5;

#[derive(Default)]
pub struct Workers {
    /// The last beat of each, and its longest silence so far.
    beats: BTreeMap<MemberId, (Duration, Duration)>,
    /// How often each died alone since it moved last.
    deaths: BTreeMap<ActiveflowId, u32>,
}

impl Audit {
    /// A beat took effect.
    pub fn heartbeat(&mut self, id: MemberId, now: Duration) {
        let (last, longest) = self.workers.beats.entry(id).or_insert((now, Duration::ZERO));
        *longest = (*longest).max(now.saturating_sub(*last));
        *last = now;
    }

    /// A sweep for the dead takes effect. Whoever judged them may have heard of their last beat late, by half a lease.
    pub fn buried(&mut self, dead: &[MemberId], now: Duration, lease: Duration) {
        for id in dead {
            let (last, longest) = self.workers.beats.get(id).copied().unwrap_or_default();
            let silence = longest.max(now.saturating_sub(last));
            self.promises.demand(Promise::Lease, silence >= lease / 2, || {
                format!("{id} is swept as dead and was never silent for longer than {silence:?}")
            });
        }
    }

    /// What a claim took, beside what its worker holds.
    pub(super) fn claimed(&mut self, took: &[ActiveflowId]) {
        let last = &self.last;
        let worker_of = |f: &Found| f.record.token.map(|token| token.worker);
        let Some(worker) = took.first().and_then(|id| last.get(id)).and_then(worker_of) else { return };
        let holds = |f: &&Found| f.record.state == State::Claimed && worker_of(f) == Some(worker);
        let held: Vec<&Found> = last.values().filter(holds).collect();
        let took: Vec<&Found> = held.iter().filter(|f| took.contains(&f.id)).copied().collect();
        let of = |suspect: Suspect| took.iter().filter(|f| f.record.suspect == suspect).count();
        let right = match (of(Suspect::Alone), of(Suspect::Group)) {
            (0, 0) => held.iter().all(|f| f.record.suspect == Suspect::No),
            (0, group) => group == held.len() && group <= GROUP,
            (alone, _) => alone == 1 && held.len() == 1,
        };
        self.promises.demand(Promise::SuspectsApart, right, || {
            let all = held.iter().map(|f| format!("{} {:?}", short(f.id), f.record.suspect));
            format!("worker {worker} holds {}", all.collect::<Vec<_>>().join(", "))
        });
    }

    /// Counts deaths alone, and looks that nothing is quarantined before the fifth.
    pub(super) fn freed(&mut self, change: &Change) {
        let (old, new) = (&change.before.record, &change.after.record);
        let retried = change.port == "control" && old.state == State::Quarantined;
        if new.version > old.version || retried {
            self.workers.deaths.remove(&change.id);
        }
        let died = change.port == "sweep" && old.state == State::Claimed && old.suspect == Suspect::Alone;
        if died && (new.attempts > old.attempts || new.state == State::Quarantined) {
            *self.workers.deaths.entry(change.id).or_default() += 1;
        }
        let deaths = self.workers.deaths.get(&change.id).copied().unwrap_or_default();
        let quarantined = new.state == State::Quarantined;
        if quarantined && old.state != State::Quarantined {
            self.require(Promise::Quarantine, change, deaths >= DEATHS_ALONE, || {
                format!("quarantined after {deaths} deaths alone")
            });
        } else {
            self.require(Promise::Quarantine, change, quarantined || deaths < DEATHS_ALONE, || {
                format!("{deaths} deaths alone and not quarantined")
            });
        }
    }
}
