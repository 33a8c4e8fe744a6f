//! The ledger records published and stored events and the commands that follow, and finds what is lost, doubled or late.
//!
//! It trusts the carrier about stored events and checks the commands of every activeflow (1, 2, 3 … without a gap, the
//! same bytes under the same id). [`crate::audit`] adds findings from the REST API. Records of subjects
//! that ended long ago are judged and dropped, so that the memory of a long run stays bounded.

mod counters;
mod finding;
mod latency;
mod record;
#[cfg(test)]
mod tests;
mod verdict;

pub use counters::Counters;
pub use finding::{Class, Finding};
pub use verdict::Verdict;

use crate::wire::{Command, Event};
use latency::Latencies;
use record::Record;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Time for which a record is kept for copies after its last participant ended.
const KEPT: Duration = Duration::from_secs(600);
/// Maximum number of findings kept as sentences; more are only counted.
const TOLD: usize = 50;

pub struct Ledger {
    late: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    records: HashMap<String, Record>,
    /// Subjects whose participant ended, oldest first.
    over: VecDeque<(Instant, String)>,
    counters: Counters,
    latencies: BTreeMap<&'static str, Latencies>,
    findings: Vec<Finding>,
    unchecked: Option<String>,
}

impl Ledger {
    /// `late`: maximum time from an incoming call or message to the next command.
    pub fn new(late: Duration) -> Ledger {
        Ledger { late, state: Mutex::default() }
    }

    /// A conversation about `subject` begins.
    pub fn opens(&self, subject: &str) {
        let mut state = self.state();
        state.counters.started += 1;
        state.records.entry(subject.to_owned()).or_insert_with(|| Record::new(subject)).under_way += 1;
    }

    /// An event is sent, for the first time or again.
    pub fn sends(&self, event: &Event, is_again: bool) {
        let mut state = self.state();
        state.counters.repeated += u64::from(is_again);
        if let Some(record) = state.records.get_mut(&event.subject) {
            record.sends(event, is_again, Instant::now());
        }
    }

    pub fn stored(&self, event: &Event, activeflow: Option<&str>) {
        let mut state = self.state();
        state.counters.stored += 1;
        if let Some(record) = state.records.get_mut(&event.subject) {
            record.stored(event, activeflow);
        }
    }

    pub fn refused(&self, event: &Event, why: String) {
        self.state().find(Finding::Refused { subject: event.subject.clone(), event: event.kind, why });
    }

    pub fn unsettled(&self) {
        self.state().counters.unsettled += 1;
    }

    /// Whether a participant of this run has this subject, or had it not long ago.
    pub fn knows(&self, subject: &str) -> bool {
        self.state().records.contains_key(subject)
    }

    /// True for a command of this run that is not a copy; only that is carried out.
    pub fn receive(&self, command: &Command, body: &[u8]) -> bool {
        let mut state = self.state();
        let Some(record) = state.records.get_mut(&command.subject) else { return false };
        match record.receive(command, body, Instant::now(), self.late) {
            Ok(Some(new)) => {
                state.counters.commands += 1;
                if let Some((event, after)) = new.follows {
                    state.latencies.entry(event).or_default().add(after);
                }
                new.findings.into_iter().for_each(|finding| state.find(finding));
                true
            }
            Ok(None) => {
                state.counters.copies += 1;
                false
            }
            Err(finding) => {
                state.find(finding);
                false
            }
        }
    }

    /// Whether an event that starts an activeflow was stored without any effect so far.
    pub fn is_silent(&self, subject: &str) -> bool {
        self.state().records.get(subject).is_some_and(Record::is_silent)
    }

    /// The event that still waits for its command, if that is late already.
    pub fn is_late(&self, subject: &str) -> Option<(&'static str, Duration)> {
        let waits = self.state().records.get(subject).and_then(Record::waits);
        waits.map(|(event, since)| (event, since.elapsed())).filter(|(_, after)| *after > self.late)
    }

    /// The API reported `activeflow` for `subject`.
    pub fn belongs(&self, subject: &str, activeflow: &str) {
        if let Some(record) = self.state().records.get_mut(subject) {
            record.belongs(activeflow);
        }
    }

    /// The audit could not finish.
    pub fn is_unchecked(&self, why: String) {
        self.state().unchecked.get_or_insert(why);
    }

    /// Whether a hang-up is stored. True also for subjects whose record was dropped.
    pub fn is_hung_up(&self, subject: &str) -> bool {
        self.state().records.get(subject).is_none_or(|record| record.is_hung_up)
    }

    pub fn finds(&self, finding: Finding) {
        self.state().find(finding);
    }

    /// A participant ended; copies of its commands may still arrive.
    pub fn closes(&self, subject: &str) {
        let mut state = self.state();
        state.counters.over += 1;
        if let Some(record) = state.records.get_mut(subject) {
            record.under_way -= 1;
        }
        state.over.push_back((Instant::now(), subject.to_owned()));
        while let Some((since, subject)) = state.over.pop_front() {
            if since.elapsed() < KEPT {
                state.over.push_front((since, subject));
                break;
            }
            if state.records.get(&subject).is_some_and(|record| record.under_way == 0) {
                let judged = state.records.remove(&subject).map(|record| record.judge()).unwrap_or_default();
                judged.into_iter().for_each(|finding| state.find(finding));
            }
        }
    }

    pub fn counters(&self) -> Counters {
        self.state().counters.clone()
    }

    /// Judges the remaining records. Call once, at the end.
    pub fn verdict(&self) -> Verdict {
        let mut state = self.state();
        let records: Vec<Record> = state.records.drain().map(|(_, record)| record).collect();
        records.iter().flat_map(Record::judge).for_each(|finding| state.find(finding));
        let unchecked = state.unchecked.clone();
        Verdict::new(&state.counters, &state.findings, &state.latencies, self.late, unchecked)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find(&mut self, finding: Finding) {
        *self.counters.found.entry(finding.class()).or_default() += 1;
        if self.findings.len() < TOLD {
            self.findings.push(finding);
        }
    }
}
