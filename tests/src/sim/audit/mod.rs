//! The audit: checks the store's contents after each operation and reports each broken promise.

mod activeflow;
mod catalogue;
mod feed;
mod workers;

use super::promise::{Promise, PromiseTally};
use super::store::short;
use activeflow::Change;
use common::ActiveflowId;
use common::command::Message;
use common::ports::lookup::ActiveflowSnapshot;
use common::record::{Entry, State};
use flow::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Retention of ended activeflows.
pub const ENDED_RETENTION: Duration = Duration::from_secs(240);

#[derive(Default)]
pub struct Audit {
    /// Contents of the store after the last operation.
    last: BTreeMap<ActiveflowId, ActiveflowSnapshot>,
    /// Every command that was ever stored, by id.
    commands: BTreeMap<String, Message>,
    /// Ids of the commands that the broker has stored.
    at_broker: BTreeSet<String>,
    /// Waits that became inputs.
    fired: BTreeSet<(ActiveflowId, u64)>,
    /// Sequence numbers of the events that were ever in an inbox, by subject.
    taken: BTreeMap<String, BTreeSet<u32>>,
    /// Ids of the events that matched nothing at their first delivery. A later copy may match, out of order.
    unheard: BTreeSet<String>,
    /// Activeflows that were started, by kind and subject of the reference.
    started: BTreeMap<(String, String), BTreeSet<ActiveflowId>>,
    workers: workers::Workers,
    catalogue: catalogue::Catalogue,
    feed: feed::Feed,
    pub promises: PromiseTally,
}

/// The activeflows that an operation changed, and a line about each for the history.
#[derive(Default)]
pub struct ChangeSummary {
    pub ids: Vec<ActiveflowId>,
    pub lines: Vec<String>,
}

impl Audit {
    /// Checks the changes of one operation. Each changed activeflow is given as it is now; `None` if it was removed.
    pub fn store_changed(
        &mut self,
        port: &'static str,
        now: Timestamp,
        changed: Vec<(ActiveflowId, Option<ActiveflowSnapshot>)>,
        check_invariants: Result<(), String>,
    ) -> ChangeSummary {
        let check_invariants = check_invariants.err();
        self.promises.check(Promise::OnePlace, check_invariants.is_none(), || {
            format!("after {port}: {}", check_invariants.as_deref().unwrap_or_default())
        });
        let mut summary = ChangeSummary::default();
        let mut claimed = Vec::new();
        for (id, after) in changed {
            let before = self.last.remove(&id);
            match (&before, &after) {
                (None, Some(found)) => {
                    summary.lines.push(format!(
                        "{} was created: {}",
                        short(id),
                        found.record.spec.reference.subject
                    ));
                    self.created(port, found);
                }
                (Some(earlier), Some(found)) if earlier != found => {
                    summary.lines.push(activeflow::summary(id, earlier, found));
                    self.changed(&Change { port, now, id, before: earlier, after: found });
                    if found.record.state == State::Claimed && earlier.record.state != State::Claimed {
                        claimed.push(id);
                    }
                }
                (Some(earlier), None) => self.forgotten(port, now, earlier),
                _ => {}
            }
            if let Some(found) = after {
                self.last.insert(id, found);
            }
            summary.ids.push(id);
        }
        self.claimed(&claimed);
        self.one_owner();
        summary
    }

    /// Checks a command that an executor hands to the bus.
    pub fn command_published(&mut self, message: &Message) {
        let stored = self.commands.get(&message.id);
        let (is_stored, is_same) = (stored.is_some(), stored.is_none_or(|stored| stored == message));
        self.promises.check(Promise::SaveThenSpeak, is_stored, || {
            format!("command {} is published but was never stored", message.id)
        });
        self.promises.check(Promise::SameBytes, is_same, || {
            format!("command {} is published with other bytes than stored", message.id)
        });
    }

    /// Notes an event that matched nothing.
    pub fn unheard(&mut self, input: &[u8]) {
        self.unheard.insert(event_id(input));
    }

    pub fn at_broker(&mut self, message: &Message) {
        self.at_broker.insert(message.id.clone());
    }

    /// Describes every activeflow that has not ended.
    pub fn unfinished(&self) -> Vec<String> {
        let open = self.last.values().filter(|found| found.record.state != State::Ended);
        let sequence = |f: &ActiveflowSnapshot| {
            let reference = &f.record.spec.reference.subject;
            let (state, version) = (f.record.state.name(), f.record.version);
            format!("{} ({reference}) is {state} at {version}, inbox {}", short(f.id), f.inbox.len())
        };
        open.map(sequence).collect()
    }

    pub fn started(&self) -> usize {
        self.started.values().map(BTreeSet::len).sum()
    }

    /// Activeflows that have not ended, with their subjects.
    pub fn live(&self) -> Vec<(String, ActiveflowId)> {
        self.in_state(|state| state != State::Ended)
    }

    pub fn quarantined(&self) -> Vec<(String, ActiveflowId)> {
        self.in_state(|state| state == State::Quarantined)
    }

    fn in_state(&self, is: impl Fn(State) -> bool) -> Vec<(String, ActiveflowId)> {
        let found = self.last.values().filter(|f| is(f.record.state));
        found.map(|f| (f.record.spec.reference.subject.clone(), f.id)).collect()
    }

    /// Contents of the store after the last operation.
    pub fn last(&self) -> &BTreeMap<ActiveflowId, ActiveflowSnapshot> {
        &self.last
    }

    fn created(&mut self, port: &str, found: &ActiveflowSnapshot) {
        let reference = &found.record.spec.reference;
        let key = (reference.kind.clone(), reference.subject.clone());
        let ids = self.started.entry(key).or_default();
        ids.insert(found.id);
        let twice = reference.kind == "call" && ids.len() > 1;
        self.promises
            .check(Promise::StartedOnce, !twice, || format!("{} was started twice", reference.subject));
        let starts = ["deliver", "commit", "finish", "control_once", "sweep"].contains(&port);
        self.promises.check(Promise::Versions, found.record.version == 0, || {
            format!("{} begins with version {}", short(found.id), found.record.version)
        });
        self.promises.check(Promise::States, starts, || format!("{port} started {}", short(found.id)));
        let bundle = self.catalogue.has_bundle(&found.record.spec.bundle);
        self.promises.check(Promise::Definitions, bundle, || {
            format!("{} was started with a bundle that was never published", short(found.id))
        });
        self.events_taken(found, &found.inbox);
    }

    /// Checks that events enter in the order of their source. Redelivered events of an ended activeflow are known already.
    fn events_taken(&mut self, found: &ActiveflowSnapshot, entries: &[Entry]) {
        let subject = &found.record.spec.reference.subject;
        for entry in entries {
            let id = match entry {
                Entry::Trigger => event_id(&found.trigger),
                Entry::Event { input, .. } => event_id(input),
                Entry::Timer { .. } => continue,
            };
            if self.unheard.contains(&id) {
                continue;
            }
            let sequence = sequence_number(&id);
            let taken = self.taken.entry(subject.clone()).or_default();
            let (known, last) = (taken.contains(&sequence), taken.last().copied().unwrap_or(0));
            taken.insert(sequence);
            self.promises.check(Promise::SourceOrder, known || sequence > last, || {
                format!("{subject}: event {sequence} arrived after {last}")
            });
        }
    }

    fn forgotten(&mut self, port: &str, now: Timestamp, found: &ActiveflowSnapshot) {
        let kept = now.micros_since(found.record.updated) >= ENDED_RETENTION.as_micros() as i64;
        let right = port == "sweep" && found.record.state == State::Ended && kept;
        self.promises.check(Promise::Kept, right, || {
            format!("{port} removed {} in state {}", short(found.id), found.record.state.name())
        });
    }

    fn one_owner(&mut self) {
        let mut owners = BTreeSet::new();
        for found in self.last.values() {
            let over = [State::Ended, State::Quarantined].contains(&found.record.state);
            if found.record.owner && !over {
                let subject = &found.record.spec.reference.subject;
                let only = owners.insert((&found.record.spec.reference.kind, subject));
                self.promises.check(Promise::StartedOnce, only, || format!("{subject} has two owners"));
            }
        }
    }
}

fn event_id(input: &[u8]) -> String {
    let event: Value = serde_json::from_slice(input).unwrap_or_default();
    event["id"].as_str().unwrap_or_default().to_owned()
}

/// The number at the end of an event's id, which counts the events of its source about the subject.
fn sequence_number(id: &str) -> u32 {
    id.rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}
