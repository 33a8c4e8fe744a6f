//! What becomes of a claim: kept, parked, paused, yielded, ended.

use super::state::ShardState;
use crate::memory::wakeups::Wakeup;
use common::ActiveflowId;
use common::identity::reference_key;
use common::ports::error::StoreError;
use common::ports::lookup::FeedKind;
use common::ports::work::{After, CommitOutcome};
use common::record::{Entry, Start, State};
use flow::Timestamp;

impl ShardState {
    pub(super) fn settle(
        &mut self,
        id: ActiveflowId,
        after: &After,
        now: Timestamp,
    ) -> Result<CommitOutcome, StoreError> {
        let Some(held) = self.held.get(&id) else { return Ok(CommitOutcome::Fenced) };
        let version = held.record.version;
        if *after == After::KeepClaim {
            return Ok(CommitOutcome::ClaimKept { version });
        }
        if !held.outbox.is_empty() {
            let what = format!("{id} would be released with {} unsettled commands", held.outbox.len());
            return Err(StoreError::Corrupt { operation: "finish", what });
        }
        let waiting =
            held.control.is_some() || (!held.inbox.is_empty() && matches!(after, After::Park { .. }));
        if waiting && matches!(after, After::Park { .. } | After::Pause) {
            let inbox = held.inbox.iter().cloned().collect();
            return Ok(CommitOutcome::More { version, inbox, control: held.control.clone() });
        }
        self.drop_claim(id);
        match after {
            After::KeepClaim => {}
            After::Park { wait, until } => self.park(id, *wait, *until),
            After::Pause => self.set_state(id, State::Paused),
            After::Yield => self.make_ready(id, now),
            After::End { rest } => self.end(id, rest, now),
        }
        Ok(CommitOutcome::Released { version })
    }

    fn set_state(&mut self, id: ActiveflowId, state: State) {
        if let Some(held) = self.held.get_mut(&id) {
            held.record.state = state;
        }
    }

    fn park(&mut self, id: ActiveflowId, wait: u64, until: Option<Timestamp>) {
        self.drop_wait(id);
        let Some(held) = self.held.get_mut(&id) else { return };
        held.record.state = State::Waiting;
        held.record.wait = wait;
        held.record.deadline = until;
        if let Some(until) = until {
            let earliest = self.waits.first().is_none_or(|first| until < first.0);
            self.waits.insert((until, id));
            if earliest {
                self.wakeups.push(Wakeup::Due(self.id));
            }
        }
    }

    /// Ends an activeflow; what nobody took is delivered again, the first that starts something becoming the owner.
    pub(super) fn end(&mut self, id: ActiveflowId, rest: &[Entry], now: Timestamp) {
        self.drop_wait(id);
        let Some(held) = self.held.get_mut(&id) else { return };
        held.record.state = State::Ended;
        held.record.updated = now;
        held.record.inbox_bytes = 0;
        held.control = None;
        let left: Vec<Entry> = rest.iter().cloned().chain(held.inbox.drain(..)).collect();
        let owned = held.record.owner;
        let key = reference_key(&held.record.spec.reference);
        self.ended.insert((now, id));
        self.note(id, FeedKind::Ended, now, Vec::new());
        let owned = owned && self.owners.get(&key) == Some(&id);
        if owned {
            self.owners.remove(&key);
        }
        // Of who does not own the reference (any more), only what would start another.
        let handed = |entry: &Entry| owned || matches!(entry, Entry::Event { start: Some(_), .. });
        for entry in left.into_iter().filter(handed) {
            self.hand_on(&key, entry, now);
        }
    }

    pub(super) fn hand_on(&mut self, key: &[u8; 16], entry: Entry, now: Timestamp) {
        let Entry::Event { kind, input, start } = entry else { return };
        match self.owners.get(key).copied() {
            Some(owner) if self.hears(owner, &kind) => {
                self.push_input(owner, Entry::Event { kind, input, start }, now);
            }
            Some(_) => {}
            None => {
                if let Some(start) = start.as_deref().and_then(|bytes| Start::from_bytes(bytes).ok()) {
                    self.create(&start, true, Entry::Event { kind, input, start: None }, now);
                }
            }
        }
    }
}
