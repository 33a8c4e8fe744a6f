//! Workers: their claims, their silences, and the deaths per activeflow.

use super::super::promise::Promise;
use super::super::store::short;
use super::Audit;
use super::activeflow::Change;
use common::ActiveflowId;
use common::member::MemberId;
use common::ports::lookup::ActiveflowSnapshot;
use common::record::{State, Suspect};
use std::collections::BTreeMap;
use std::time::Duration;

/// Maximum suspects that one worker holds.
const GROUP: usize = 32;
const DEATHS_ALONE: u32 = 5;

#[derive(Default)]
pub struct Workers {
    /// Last heartbeat and longest silence of each worker.
    heartbeats: BTreeMap<MemberId, (Duration, Duration)>,
    /// Deaths of workers that held the activeflow alone, since its last move.
    deaths: BTreeMap<ActiveflowId, u32>,
}

impl Audit {
    /// Notes a heartbeat.
    pub fn heartbeat(&mut self, id: MemberId, now: Duration) {
        let (last, longest) = self.workers.heartbeats.entry(id).or_insert((now, Duration::ZERO));
        *longest = (*longest).max(now.saturating_sub(*last));
        *last = now;
    }

    /// Checks the workers that a sweep treats as dead. The scheduler may have seen their last heartbeat half a lease late.
    pub fn declared_dead(&mut self, dead: &[MemberId], now: Duration, lease: Duration) {
        for id in dead {
            let (last, longest) = self.workers.heartbeats.get(id).copied().unwrap_or_default();
            let silence = longest.max(now.saturating_sub(last));
            self.promises.check(Promise::Lease, silence >= lease / 2, || {
                format!("{id} is declared dead but was never silent for longer than {silence:?}")
            });
        }
    }

    /// Checks the activeflows of a claim together with the others that its worker holds.
    pub(super) fn claimed(&mut self, took: &[ActiveflowId]) {
        let last = &self.last;
        let worker_of = |f: &ActiveflowSnapshot| f.record.token.map(|token| token.worker);
        let Some(worker) = took.first().and_then(|id| last.get(id)).and_then(worker_of) else { return };
        let holds =
            |f: &&ActiveflowSnapshot| f.record.state == State::Claimed && worker_of(f) == Some(worker);
        let held: Vec<&ActiveflowSnapshot> = last.values().filter(holds).collect();
        let took: Vec<&ActiveflowSnapshot> = held.iter().filter(|f| took.contains(&f.id)).copied().collect();
        let of = |suspect: Suspect| took.iter().filter(|f| f.record.suspect == suspect).count();
        let right = match (of(Suspect::Alone), of(Suspect::Group)) {
            (0, 0) => held.iter().all(|f| f.record.suspect == Suspect::No),
            (0, group) => group == held.len() && group <= GROUP,
            (alone, _) => alone == 1 && held.len() == 1,
        };
        self.promises.check(Promise::SuspectsApart, right, || {
            let all = held.iter().map(|f| format!("{} {:?}", short(f.id), f.record.suspect));
            format!("worker {worker} holds {}", all.collect::<Vec<_>>().join(", "))
        });
    }

    /// Counts the deaths, and checks that an activeflow is quarantined at the fifth.
    pub(super) fn freed(&mut self, change: &Change) {
        let (old, new) = (&change.before.record, &change.after.record);
        let retried = change.port == "control_once" && old.state == State::Quarantined;
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
                format!("quarantined after {deaths} deaths while it was claimed alone")
            });
        } else {
            self.require(Promise::Quarantine, change, quarantined || deaths < DEATHS_ALONE, || {
                format!("not quarantined after {deaths} deaths while it was claimed alone")
            });
        }
    }
}
