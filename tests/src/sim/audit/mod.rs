//! The auditor: looks at everything that the store holds after each operation, and names each broken promise.

mod catalogue;
mod change;
mod feed;
mod workers;

use super::promise::{Kept, Promise};
use super::store::short;
use change::Change;
use common::ActiveflowId;
use common::command::Message;
use common::ports::lookup::Found;
use common::record::{Entry, State};
use flow::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long the store keeps what ended.
pub const ENDED_RETENTION: Duration = Duration::from_secs(240);

#[derive(Default)]
pub struct Audit {
    last: BTreeMap<ActiveflowId, Found>,
    /// The bytes of every command that was ever stored, by its id.
    commands: BTreeMap<String, Message>,
    /// The ids that the broker has.
    at_broker: BTreeSet<String>,
    /// Waits that became inputs.
    fired: BTreeSet<(ActiveflowId, u64)>,
    /// Of each subject, the events that were ever in an inbox, by their place at their source.
    taken: BTreeMap<String, BTreeSet<u32>>,
    /// The events that nobody heard once: a copy of such a one that comes later is a new chance, in its own order.
    unheard: BTreeSet<String>,
    /// Of each reference, what was started.
    started: BTreeMap<(String, String), BTreeSet<ActiveflowId>>,
    workers: workers::Workers,
    catalogue: catalogue::Catalogue,
    feed: feed::Feed,
    pub promises: Kept,
}

/// Whom an operation changed, and how, in words.
#[derive(Default)]
pub struct Moved {
    pub ids: Vec<ActiveflowId>,
    pub lines: Vec<String>,
}

impl Audit {
    /// Looks at what `port` changed, each as it is now (`None`: forgotten), beside what it was before.
    pub fn store_moved(
        &mut self,
        port: &'static str,
        now: Timestamp,
        changed: Vec<(ActiveflowId, Option<Found>)>,
        check_invariants: Result<(), String>,
    ) -> Moved {
        let check_invariants = check_invariants.err();
        self.promises.demand(Promise::OnePlace, check_invariants.is_none(), || {
            format!("after {port}: {}", check_invariants.as_deref().unwrap_or_default())
        });
        let mut moved = Moved::default();
        let mut claimed = Vec::new();
        for (id, after) in changed {
            let before = self.last.remove(&id);
            match (&before, &after) {
                (None, Some(found)) => {
                    moved.lines.push(format!(
                        "{} is there: {}",
                        short(id),
                        found.record.spec.reference.subject
                    ));
                    self.created(port, found);
                }
                (Some(earlier), Some(found)) if earlier != found => {
                    moved.lines.push(change::in_words(id, earlier, found));
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
            moved.ids.push(id);
        }
        self.claimed(&claimed);
        self.one_owner();
        moved
    }

    /// An executor hands a command to the bus.
    pub fn spoken(&mut self, message: &Message) {
        let stored = self.commands.get(&message.id);
        let (is_stored, is_same) = (stored.is_some(), stored.is_none_or(|stored| stored == message));
        self.promises.demand(Promise::SaveThenSpeak, is_stored, || {
            format!("command {} is published and was never stored", message.id)
        });
        self.promises.demand(Promise::SameBytes, is_same, || {
            format!("command {} is published with other bytes than stored", message.id)
        });
    }

    /// An event was told to be nobody's.
    pub fn unheard(&mut self, input: &[u8]) {
        self.unheard.insert(event_id(input));
    }

    pub fn at_broker(&mut self, message: &Message) {
        self.at_broker.insert(message.id.clone());
    }

    /// Every activeflow that was ever there and has not ended.
    pub fn unfinished(&self) -> Vec<String> {
        let open = self.last.values().filter(|found| found.record.state != State::Ended);
        let place = |f: &Found| {
            let reference = &f.record.spec.reference.subject;
            let (state, version) = (f.record.state.name(), f.record.version);
            format!("{} ({reference}) is {state} at {version}, inbox {}", short(f.id), f.inbox.len())
        };
        open.map(place).collect()
    }

    pub fn started(&self) -> usize {
        self.started.values().map(BTreeSet::len).sum()
    }

    /// Who lives, by subject.
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

    /// What the store held after the last operation.
    pub fn last(&self) -> &BTreeMap<ActiveflowId, Found> {
        &self.last
    }

    fn created(&mut self, port: &str, found: &Found) {
        let reference = &found.record.spec.reference;
        let key = (reference.kind.clone(), reference.subject.clone());
        let ids = self.started.entry(key).or_default();
        ids.insert(found.id);
        let twice = reference.kind == "call" && ids.len() > 1;
        self.promises
            .demand(Promise::StartedOnce, !twice, || format!("{} was started twice", reference.subject));
        let starts = ["deliver", "commit", "finish", "control", "sweep"].contains(&port);
        self.promises.demand(Promise::Versions, found.record.version == 0, || {
            format!("{} begins with version {}", short(found.id), found.record.version)
        });
        self.promises.demand(Promise::States, starts, || format!("{port} started {}", short(found.id)));
        let bundle = self.catalogue.has_bundle(&found.record.spec.bundle);
        self.promises.demand(Promise::Definitions, bundle, || {
            format!("{} was started with a bundle that nobody published", short(found.id))
        });
        self.events_taken(found, &found.inbox);
    }

    /// First occurrences come in the order of their source; what an ended one handed on was there before.
    fn events_taken(&mut self, found: &Found, entries: &[Entry]) {
        let subject = &found.record.spec.reference.subject;
        for entry in entries {
            let Entry::Event { input, .. } = entry else { continue };
            let id = event_id(input);
            if self.unheard.contains(&id) {
                continue;
            }
            let place = place_at_source(&id);
            let taken = self.taken.entry(subject.clone()).or_default();
            let (known, last) = (taken.contains(&place), taken.last().copied().unwrap_or(0));
            taken.insert(place);
            self.promises.demand(Promise::SourceOrder, known || place > last, || {
                format!("{subject}: event {place} came after {last}")
            });
        }
    }

    fn forgotten(&mut self, port: &str, now: Timestamp, found: &Found) {
        let kept = now.micros_since(found.record.updated) >= ENDED_RETENTION.as_micros() as i64;
        let right = port == "sweep" && found.record.state == State::Ended && kept;
        self.promises.demand(Promise::Kept, right, || {
            format!("{port} forgot {} in state {}", short(found.id), found.record.state.name())
        });
    }

    fn one_owner(&mut self) {
        let mut owners = BTreeSet::new();
        for found in self.last.values() {
            let over = [State::Ended, State::Quarantined].contains(&found.record.state);
            if found.record.owner && !over {
                let subject = &found.record.spec.reference.subject;
                let only = owners.insert((&found.record.spec.reference.kind, subject));
                self.promises.demand(Promise::StartedOnce, only, || format!("{subject} has two owners"));
            }
        }
    }
}

fn event_id(input: &[u8]) -> String {
    let event: Value = serde_json::from_slice(input).unwrap_or_default();
    event["id"].as_str().unwrap_or_default().to_owned()
}

/// The number at the end of an event's id: its place in what its source said about the subject.
fn place_at_source(id: &str) -> u32 {
    id.rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}
