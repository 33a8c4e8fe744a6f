//! Checks of one operation's changes to one activeflow.

use super::super::promise::Promise;
use super::super::store::short;
use super::Audit;
use common::ActiveflowId;
use common::command::Message;
use common::ports::lookup::ActiveflowSnapshot;
use common::record::{Entry, State};
use flow::Timestamp;

pub struct Change<'a> {
    pub port: &'static str,
    pub now: Timestamp,
    pub id: ActiveflowId,
    pub before: &'a ActiveflowSnapshot,
    pub after: &'a ActiveflowSnapshot,
}

impl Audit {
    pub(super) fn changed(&mut self, change: &Change) {
        self.version(change);
        self.state(change);
        self.inbox(change);
        self.outbox(change);
        self.freed(change);
    }

    fn version(&mut self, change: &Change) {
        let (old, new) = (&change.before.record, &change.after.record);
        let moved = new.version != old.version;
        let by_one = new.version == old.version + 1 && change.port == "commit";
        self.require(Promise::Versions, change, !moved || by_one, || {
            format!("version {} → {}", old.version, new.version)
        });
        self.require(Promise::Versions, change, moved || new.body == old.body, || {
            "its cursor changed but its version did not".into()
        });
        self.require(Promise::States, change, old.state != State::Ended, || {
            "it changed after its end".into()
        });
        let by_holder = old.state == State::Claimed || !moved;
        self.require(Promise::OneHolder, change, by_holder, || format!("moved while {}", old.state.name()));
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
                    ["deliver", "control_once", "sweep", "commit", "finish"].contains(&change.port)
                }
                (Paused | Quarantined, Ready) | (Quarantined, Ended) => change.port == "control_once",
                _ => false,
            };
        self.require(Promise::States, change, legal, || format!("{} → {}", old.name(), new.name()));
        let tokens = (change.before.record.token, change.after.record.token);
        let stolen = old == Claimed && new == Claimed && tokens.0 != tokens.1;
        self.require(Promise::OneHolder, change, !stolen, || "a second worker claimed it".into());
        if new == Waiting && old != Waiting {
            let after = change.after;
            let nothing = after.inbox.is_empty() && after.control.is_none();
            self.require(Promise::WakeUps, change, nothing, || {
                "it was parked although its inbox or control holds something".into()
            });
            self.require(Promise::Settled, change, after.outbox.is_empty(), || {
                "it was parked with unsettled commands".into()
            });
        }
    }

    fn inbox(&mut self, change: &Change) {
        let (old, new) = (&change.before.inbox, &change.after.inbox);
        let over = [State::Ended, State::Quarantined].contains(&change.after.record.state);
        let Some(taken) = (0..=old.len()).find(|taken| new.starts_with(&old[*taken..])) else {
            // At quarantine, inputs that would start another activeflow are redelivered from any position.
            return self.require(Promise::Inputs, change, over, || "its inbox changed its order".into());
        };
        let moved = change.after.record.version > change.before.record.version;
        self.require(Promise::Inputs, change, taken == 0 || moved || over, || {
            format!("{taken} inputs disappeared without a transition")
        });
        let added = &new[old.len() - taken..];
        for entry in added {
            if let Entry::Timer { wait } = entry {
                let record = &change.before.record;
                let due = record.deadline.is_some_and(|at| at <= change.now) && record.wait == *wait;
                self.require(Promise::Waits, change, due, || {
                    format!("wait {wait} fired at {}, deadline {:?}", change.now, record.deadline)
                });
                let once = self.fired.insert((change.id, *wait));
                self.require(Promise::Waits, change, once, || format!("wait {wait} fired twice"));
            }
        }
        self.events_taken(change.after, added);
    }

    fn outbox(&mut self, change: &Change) {
        let (old, new) = (&change.before.outbox, &change.after.outbox);
        let settled = (0..=old.len()).find(|settled| new.starts_with(&old[*settled..]));
        self.require(Promise::CommandOrder, change, settled.is_some(), || {
            "its commands changed their order".into()
        });
        let Some(settled) = settled else { return };
        for bytes in &old[..settled] {
            let id = Message::from_bytes(bytes).map(|message| message.id).unwrap_or_default();
            let there = self.at_broker.contains(&id) || change.port == "control_once";
            self.require(Promise::Settled, change, there, || {
                format!("command {id} was settled but the broker never stored it")
            });
        }
        for bytes in &new[old.len() - settled..] {
            let Ok(message) = Message::from_bytes(bytes) else { continue };
            let is_new = !self.commands.contains_key(&message.id) && change.port == "commit";
            self.require(Promise::CommandOrder, change, is_new, || {
                format!("command {} was stored a second time", message.id)
            });
            self.commands.insert(message.id.clone(), message);
        }
    }

    pub(super) fn require(
        &mut self,
        promise: Promise,
        change: &Change,
        holds: bool,
        what: impl FnOnce() -> String,
    ) {
        self.promises
            .check(promise, holds, || format!("{} by {}: {}", short(change.id), change.port, what()));
    }
}

/// One line for the history.
pub fn summary(id: ActiveflowId, before: &ActiveflowSnapshot, after: &ActiveflowSnapshot) -> String {
    let (old, new) = (&before.record, &after.record);
    let mut parts = vec![short(id)];
    if old.state != new.state {
        parts.push(format!("{} → {}", old.state.name(), new.state.name()));
    }
    if old.version != new.version {
        parts.push(format!("version {}", new.version));
    }
    for (what, old, new) in [
        ("inbox", before.inbox.len(), after.inbox.len()),
        ("outbox", before.outbox.len(), after.outbox.len()),
    ] {
        if old != new {
            parts.push(format!("{what} {old} → {new}"));
        }
    }
    if before.control != after.control {
        parts.push(format!("control {:?}", after.control));
    }
    if (old.suspect, old.attempts) != (new.suspect, new.attempts) {
        parts.push(format!("suspect {:?}, died alone {}", new.suspect, new.attempts));
    }
    parts.join(", ")
}
