//! Disposition of a claim after a commit or finish: keep it, park, pause, yield, or end the activeflow.

use super::state::ShardState;
use crate::memory::wakeups::Wakeup;
use common::ActiveflowId;
use common::identity::reference_key;
use common::ports::error::StoreError;
use common::ports::lookup::FeedKind;
use common::ports::work::{CommitOutcome, Disposition};
use common::record::{EarlyInputs, Entry, Start, State};
use flow::Timestamp;

impl ShardState {
    pub(super) fn settle(
        &mut self,
        id: ActiveflowId,
        after: &Disposition,
        now: Timestamp,
    ) -> Result<CommitOutcome, StoreError> {
        let Some(activeflow) = self.activeflows.get(&id) else { return Ok(CommitOutcome::Fenced) };
        let version = activeflow.record.version;
        if *after == Disposition::KeepClaim {
            return Ok(CommitOutcome::ClaimKept { version });
        }
        if !activeflow.outbox.is_empty() {
            let what = format!("{id} would be released with {} unsettled commands", activeflow.outbox.len());
            return Err(StoreError::Corrupt { operation: "finish", what });
        }
        let waiting = activeflow.control.is_some()
            || (!activeflow.inbox.is_empty() && matches!(after, Disposition::Park { .. }));
        if waiting && matches!(after, Disposition::Park { .. } | Disposition::Pause) {
            let inbox = activeflow.inbox.iter().cloned().collect();
            return Ok(CommitOutcome::More { version, inbox, control: activeflow.control.clone() });
        }
        self.drop_claim(id);
        match after {
            Disposition::KeepClaim => {}
            Disposition::Park { wait, until } => self.park(id, *wait, *until),
            Disposition::Pause => self.set_state(id, State::Paused),
            Disposition::Yield => self.make_ready(id, now),
            Disposition::End { rest } => self.end(id, rest, now),
        }
        Ok(CommitOutcome::Released { version })
    }

    fn set_state(&mut self, id: ActiveflowId, state: State) {
        if let Some(activeflow) = self.activeflows.get_mut(&id) {
            activeflow.record.state = state;
        }
    }

    fn park(&mut self, id: ActiveflowId, wait: u64, until: Option<Timestamp>) {
        self.drop_wait(id);
        let Some(activeflow) = self.activeflows.get_mut(&id) else { return };
        activeflow.record.state = State::Waiting;
        activeflow.record.wait = wait;
        activeflow.record.deadline = until;
        if let Some(until) = until {
            let earliest = self.waits.first().is_none_or(|first| until < first.0);
            self.waits.insert((until, id));
            if earliest {
                self.wakeups.push(Wakeup::Due(self.id));
            }
        }
    }

    /// Ends an activeflow and delivers unconsumed entries again. The first activeflow that they start owns the reference.
    pub(super) fn end(&mut self, id: ActiveflowId, rest: &[Entry], now: Timestamp) {
        self.drop_wait(id);
        let Some(activeflow) = self.activeflows.get_mut(&id) else { return };
        activeflow.record.state = State::Ended;
        activeflow.record.updated = now;
        activeflow.record.inbox_bytes = 0;
        activeflow.record.early = EarlyInputs::default();
        activeflow.control = None;
        let left: Vec<Entry> = rest.iter().cloned().chain(activeflow.inbox.drain(..)).collect();
        let owned = activeflow.record.owner;
        let key = reference_key(&activeflow.record.spec.reference);
        self.ended.insert((now, id));
        self.note(id, FeedKind::Ended, now, Vec::new());
        let owned = owned && self.owners.get(&key) == Some(&id);
        if owned {
            self.owners.remove(&key);
            if self.used.get(&key).is_some() {
                self.used.insert(key, now);
            }
        }
        // From an activeflow that did not own the reference (any more), only entries that would start another.
        let is_redelivered = |entry: &Entry| owned || matches!(entry, Entry::Event { start: Some(_), .. });
        for entry in left.into_iter().filter(is_redelivered) {
            self.redeliver(&key, entry, now);
        }
    }

    pub(super) fn redeliver(&mut self, key: &[u8; 16], entry: Entry, now: Timestamp) {
        let Entry::Event { kind, input, start } = entry else { return };
        match self.owners.get(key).copied() {
            Some(owner) if start.is_some() || self.hears(owner, &kind) => {
                self.push_input(owner, Entry::Event { kind, input, start }, now);
            }
            Some(_) => {}
            None => {
                if let Some(start) = start.as_deref().and_then(|bytes| Start::from_bytes(bytes).ok()) {
                    self.create(&start, true, &input, None, now);
                }
            }
        }
    }
}
