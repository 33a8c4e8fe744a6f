//! The auditor: looks at everything that the store holds after each operation, and names each broken promise.

use super::store::short;
use common::ActiveflowId;
use common::command::Message;
use common::identity::reference_key;
use common::ports::lookup::Found;
use common::record::{Entry, State};
use flow::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How long the model keeps what ended, in microseconds.
const ENDED_KEPT: i64 = 3_600_000_000;

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
    /// Of each reference, what was started.
    started: BTreeMap<(String, String), BTreeSet<ActiveflowId>>,
    pub violations: Vec<String>,
}

/// One operation, and what it did to one activeflow.
struct Change<'a> {
    port: &'static str,
    now: Timestamp,
    id: ActiveflowId,
    before: &'a Found,
    after: &'a Found,
}

impl Audit {
    /// Compares what the store holds now with what it held before `port`; answers with what changed, in words.
    pub fn store_moved(
        &mut self,
        port: &'static str,
        now: Timestamp,
        everything: Vec<Found>,
        census: Result<(), String>,
    ) -> Vec<String> {
        if let Err(why) = census {
            self.violations.push(format!("after {port}: {why}"));
        }
        let mut lines = Vec::new();
        let after: BTreeMap<ActiveflowId, Found> = everything.into_iter().map(|f| (f.id, f)).collect();
        let before = std::mem::take(&mut self.last);
        for (id, found) in &after {
            match before.get(id) {
                None => {
                    lines.push(format!("{} is there: {}", short(*id), found.record.seed.reference.subject));
                    self.created(port, found);
                }
                Some(earlier) if earlier != found => {
                    lines.push(in_words(*id, earlier, found));
                    self.changed(&Change { port, now, id: *id, before: earlier, after: found });
                }
                Some(_) => {}
            }
        }
        for (id, found) in before.iter().filter(|(id, _)| !after.contains_key(id)) {
            let old = now.micros_since(found.record.updated) >= ENDED_KEPT;
            self.demand(port == "sweep" && found.record.state == State::Ended && old, || {
                format!("{port} forgot {} in state {}", short(*id), found.record.state.name())
            });
        }
        self.one_owner(&after);
        self.last = after;
        lines
    }

    /// An executor hands a command to the bus.
    pub fn spoken(&mut self, message: &Message) {
        let stored = self.commands.get(&message.id).cloned();
        self.demand(stored.as_ref() == Some(message), || match stored {
            None => format!("command {} is published and was never stored", message.id),
            Some(_) => format!("command {} is published with other bytes than stored", message.id),
        });
    }

    pub fn at_broker(&mut self, message: &Message) {
        self.at_broker.insert(message.id.clone());
    }

    /// Every activeflow that was ever there and has not ended.
    pub fn unfinished(&self) -> Vec<String> {
        let open = self.last.values().filter(|found| found.record.state != State::Ended);
        let place = |f: &Found| {
            let reference = &f.record.seed.reference.subject;
            let (state, version) = (f.record.state.name(), f.record.version);
            format!("{} ({reference}) is {state} at {version}, inbox {}", short(f.id), f.inbox.len())
        };
        open.map(place).collect()
    }

    pub fn started(&self) -> usize {
        self.started.values().map(BTreeSet::len).sum()
    }

    /// The live owner of a subject, for who wants something of it.
    pub fn live(&self) -> Vec<(String, ActiveflowId)> {
        let live = self.last.values().filter(|f| f.record.state != State::Ended);
        live.map(|f| (f.record.seed.reference.subject.clone(), f.id)).collect()
    }

    fn created(&mut self, port: &str, found: &Found) {
        let reference = &found.record.seed.reference;
        let key = (reference.kind.clone(), reference.subject.clone());
        let ids = self.started.entry(key).or_default();
        ids.insert(found.id);
        let twice = reference.kind == "call" && ids.len() > 1;
        self.demand(!twice, || format!("{} was started twice", reference.subject));
        let starts = ["deliver", "commit", "finish", "control", "sweep"].contains(&port);
        self.demand(starts && found.record.version == 0, || format!("{port} started {}", short(found.id)));
        self.events_taken(found, &found.inbox);
    }

    fn changed(&mut self, change: &Change) {
        self.version(change);
        self.state(change);
        self.inbox(change);
        self.outbox(change);
    }

    fn version(&mut self, change: &Change) {
        let (old, new) = (&change.before.record, &change.after.record);
        let moved = new.version != old.version;
        let by_one = new.version == old.version + 1 && change.port == "commit";
        self.require(change, !moved || by_one, || format!("version {} → {}", old.version, new.version));
        self.require(change, moved || new.body == old.body, || "its cursor changed without a version".into());
        self.require(change, old.state != State::Ended, || "it changed after its end".into());
        // A successor's claim may not be moved by the one before it.
        let by_holder = old.state == State::Claimed || !moved;
        self.require(change, by_holder, || format!("moved while {}", old.state.name()));
    }

    fn state(&mut self, change: &Change) {
        use State::{Claimed, Ended, Paused, Quarantined, Ready, Waiting};
        let (old, new) = (change.before.record.state, change.after.record.state);
        let legal = old == new
            || match (old, new) {
                (Ready, Claimed) => change.port == "claim",
                (Claimed, Ready) => ["commit", "finish", "release", "sweep"].contains(&change.port),
                (Claimed, Waiting | Paused | Ended) => ["commit", "finish"].contains(&change.port),
                (Claimed, Quarantined) => change.port == "sweep",
                (Waiting, Ready) => {
                    ["deliver", "control", "sweep", "commit", "finish"].contains(&change.port)
                }
                (Paused | Quarantined, Ready) | (Quarantined, Ended) => change.port == "control",
                _ => false,
            };
        self.require(change, legal, || format!("{} → {}", old.name(), new.name()));
        let tokens = (change.before.record.token, change.after.record.token);
        let stolen = old == Claimed && new == Claimed && tokens.0 != tokens.1;
        self.require(change, !stolen, || "two hold it".into());
        if new == Waiting && old != Waiting {
            let after = change.after;
            let nothing = after.inbox.is_empty() && after.control.is_none() && after.outbox.is_empty();
            self.require(change, nothing, || "it was parked and something waits for it".into());
        }
    }

    fn inbox(&mut self, change: &Change) {
        let (old, new) = (&change.before.inbox, &change.after.inbox);
        let kept = (0..=old.len()).find(|taken| new.starts_with(&old[*taken..]));
        let Some(taken) = kept else { return };
        let moved = change.after.record.version > change.before.record.version;
        let over = [State::Ended, State::Quarantined].contains(&change.after.record.state);
        self.require(change, taken == 0 || moved || over, || format!("{taken} inputs vanished"));
        let added = &new[old.len() - taken..];
        for entry in added {
            if let Entry::Timer { wait } = entry {
                let record = &change.before.record;
                let due = record.deadline.is_some_and(|at| at <= change.now) && record.wait == *wait;
                self.require(change, due, || format!("wait {wait} fired, deadline {:?}", record.deadline));
                let once = self.fired.insert((change.id, *wait));
                self.require(change, once, || format!("wait {wait} fired twice"));
            }
        }
        self.events_taken(change.after, added);
    }

    /// First occurrences come in the order of their source; what an ended one handed on was there before.
    fn events_taken(&mut self, found: &Found, entries: &[Entry]) {
        let subject = &found.record.seed.reference.subject;
        for entry in entries {
            let Entry::Event { input, .. } = entry else { continue };
            let place = place_at_source(input);
            let taken = self.taken.entry(subject.clone()).or_default();
            let (known, last) = (taken.contains(&place), taken.last().copied().unwrap_or(0));
            taken.insert(place);
            self.demand(known || place > last, || format!("{subject}: event {place} came after {last}"));
        }
    }

    fn outbox(&mut self, change: &Change) {
        let (old, new) = (&change.before.outbox, &change.after.outbox);
        let Some(settled) = (0..=old.len()).find(|settled| new.starts_with(&old[*settled..])) else {
            return self.require(change, false, || "its commands changed their order".into());
        };
        for bytes in &old[..settled] {
            let id = Message::from_bytes(bytes).map(|message| message.id).unwrap_or_default();
            let there = self.at_broker.contains(&id) || change.port == "control";
            self.require(change, there, || format!("command {id} was settled and the broker never had it"));
        }
        for bytes in &new[old.len() - settled..] {
            let Ok(message) = Message::from_bytes(bytes) else { continue };
            let is_new = !self.commands.contains_key(&message.id) && change.port == "commit";
            self.require(change, is_new, || format!("command {} is asked for again", message.id));
            self.commands.insert(message.id.clone(), message);
        }
    }

    fn one_owner(&mut self, after: &BTreeMap<ActiveflowId, Found>) {
        let mut owners = BTreeSet::new();
        for found in after.values() {
            let over = [State::Ended, State::Quarantined].contains(&found.record.state);
            if found.record.owner && !over {
                let key = reference_key(&found.record.seed.reference);
                let subject = &found.record.seed.reference.subject;
                self.demand(owners.insert(key), || format!("{subject} has two owners"));
            }
        }
    }

    fn require(&mut self, change: &Change, holds: bool, what: impl FnOnce() -> String) {
        self.demand(holds, || format!("{} by {}: {}", short(change.id), change.port, what()));
    }

    fn demand(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(what());
        }
    }
}

/// The number at the end of an event's id: its place in what its source said about the subject.
fn place_at_source(input: &[u8]) -> u32 {
    let event: Value = serde_json::from_slice(input).unwrap_or_default();
    let id = event["id"].as_str().unwrap_or_default();
    id.rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn in_words(id: ActiveflowId, before: &Found, after: &Found) -> String {
    let (old, new) = (&before.record, &after.record);
    let mut words = vec![short(id)];
    if old.state != new.state {
        words.push(format!("{} → {}", old.state.name(), new.state.name()));
    }
    if old.version != new.version {
        words.push(format!("version {}", new.version));
    }
    for (what, old, new) in [
        ("inbox", before.inbox.len(), after.inbox.len()),
        ("outbox", before.outbox.len(), after.outbox.len()),
    ] {
        if old != new {
            words.push(format!("{what} {old} → {new}"));
        }
    }
    if before.control != after.control {
        words.push(format!("control {:?}", after.control));
    }
    if old.suspect != new.suspect {
        words.push(format!("suspect {:?}", new.suspect));
    }
    words.join(", ")
}
