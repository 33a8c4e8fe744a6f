//! Work on the activeflows of a shard: claim, commit, finish, release.

use super::state::ShardState;
use common::ActiveflowId;
use common::limits::{JOURNAL_ENTRIES, SUSPECT_GROUP};
use common::ports::error::StoreError;
use common::ports::lookup::FeedKind;
use common::ports::work::{Claim, ClaimRequest, Claimed, CommitOutcome, Disposition, Row, Token, Transition};
use common::record::{State, Suspect};
use flow::Timestamp;

impl ShardState {
    pub fn claim(&mut self, token: Token, request: ClaimRequest, now: Timestamp) -> Claimed {
        if self.dead.contains_key(&token.worker) {
            return Claimed::Dead;
        }
        let ids = match self.nonces.get(&token.worker) {
            // A repeated call returns what it claimed; an older one, delivered late, returns nothing.
            Some((nonce, ids)) if *nonce == token.nonce => ids.clone(),
            Some((nonce, _)) if *nonce > token.nonce => Vec::new(),
            _ => self.take(token, request, now),
        };
        let rows = ids.into_iter().filter_map(|id| self.row(id, token)).collect();
        let suspects = (self.lanes.suspects.len() + self.lanes.alone.len()) as u64;
        Claimed::Rows { now, rows, suspects }
    }

    fn take(&mut self, token: Token, request: ClaimRequest, now: Timestamp) -> Vec<ActiveflowId> {
        let mut ids = Vec::new();
        let alone = request.idle && !self.lanes.alone.is_empty();
        let suspects = request.idle && !self.lanes.suspects.is_empty();
        // When both lanes hold something, claims alternate between them, so that a stuck one does not hide the other.
        if alone && !(suspects && token.nonce % 2 == 1) {
            ids.extend(self.lanes.alone.pop_front());
        } else if suspects {
            let group = request.max.min(SUSPECT_GROUP) as usize;
            ids.extend(self.lanes.suspects.drain(..group.min(self.lanes.suspects.len())));
        } else {
            let max = request.max as usize;
            let resumed = max.min(self.lanes.resumed.len());
            ids.extend(self.lanes.resumed.drain(..resumed));
            let fresh = (max - resumed).min(self.lanes.fresh.len());
            ids.extend(self.lanes.fresh.drain(..fresh));
        }
        ids.retain(|id| self.take_one(*id, token, now));
        let claimed = (token.nonce, ids.clone());
        if ids.is_empty() {
            self.nonces.insert_untracked(token.worker, claimed);
        } else {
            self.nonces.insert(token.worker, claimed);
        }
        ids
    }

    pub(super) fn take_one(&mut self, id: ActiveflowId, token: Token, now: Timestamp) -> bool {
        match self.activeflows.get_mut(&id) {
            Some(activeflow) if activeflow.record.state == State::Ready => {
                activeflow.record.claim(token);
                activeflow.claimed_at = now;
                self.claims.insert((now, id));
                true
            }
            _ => false,
        }
    }

    fn row(&self, id: ActiveflowId, token: Token) -> Option<Row> {
        let activeflow = self.activeflows.get(&id)?;
        let mine = activeflow.record.state == State::Claimed && activeflow.record.token == Some(token);
        mine.then(|| Row {
            claim: Claim { id, shard: self.id, token },
            record: activeflow.record.clone(),
            trigger: activeflow.trigger.clone(),
            inbox: activeflow.inbox.iter().cloned().collect(),
            outbox: activeflow.outbox.clone(),
            control: activeflow.control.clone(),
        })
    }

    pub fn commit(
        &mut self,
        claim: &Claim,
        version: u64,
        transition: &Transition,
        after: &Disposition,
        now: Timestamp,
    ) -> Result<CommitOutcome, StoreError> {
        let Some(activeflow) = self.activeflows.get(&claim.id) else { return Ok(CommitOutcome::Fenced) };
        let (state, at) = (activeflow.record.state, activeflow.record.version);
        if activeflow.record.token != Some(claim.token) {
            return Ok(CommitOutcome::Fenced);
        }
        if state == State::Claimed && at == version {
            if let Some(left) = self.sent.refusal(&transition.messages, now) {
                return Ok(CommitOutcome::RateLimited { left });
            }
            self.sent.count(&transition.messages, now);
            self.apply(claim.id, transition, now);
            self.settle(claim.id, after, now)
        } else if at == version + 1 {
            // The same commit again: its answer was lost.
            match state {
                State::Claimed => self.settle(claim.id, after, now),
                _ => Ok(CommitOutcome::Released { version: at }),
            }
        } else {
            Ok(CommitOutcome::Fenced)
        }
    }

    fn apply(&mut self, id: ActiveflowId, transition: &Transition, now: Timestamp) {
        let Some(activeflow) = self.activeflows.get_mut(&id) else { return };
        activeflow.record.body = transition.body.clone();
        activeflow.record.version += 1;
        activeflow.record.updated = now;
        activeflow.record.suspect = Suspect::No;
        activeflow.record.attempts = 0;
        activeflow.record.early = transition.early;
        for entry in activeflow.inbox.drain(..(transition.consumed as usize).min(activeflow.inbox.len())) {
            activeflow.record.inbox_bytes -= entry.to_bytes().len() as u32;
        }
        activeflow.outbox.extend(transition.commands.iter().cloned());
        if transition.control.is_some() && transition.control == activeflow.control {
            activeflow.control = None;
        }
        if let Some(journal) = &transition.journal {
            activeflow.journal.push(journal.clone(), JOURNAL_ENTRIES);
            self.note(id, FeedKind::Moved, now, journal.clone());
        }
    }

    pub fn finish(
        &mut self,
        claim: &Claim,
        version: u64,
        unsettled: u32,
        after: &Disposition,
        now: Timestamp,
    ) -> Result<CommitOutcome, StoreError> {
        let Some(activeflow) = self.activeflows.get_mut(&claim.id) else { return Ok(CommitOutcome::Fenced) };
        if activeflow.record.token != Some(claim.token) || activeflow.record.version != version {
            return Ok(CommitOutcome::Fenced);
        }
        if activeflow.record.state != State::Claimed {
            return Ok(CommitOutcome::Released { version });
        }
        let settled = activeflow.outbox.len().saturating_sub(unsettled as usize);
        activeflow.outbox.drain(..settled);
        self.settle(claim.id, after, now)
    }

    pub fn release(&mut self, claim: &Claim, now: Timestamp) {
        let Some(activeflow) = self.activeflows.get_mut(&claim.id) else { return };
        if activeflow.record.state == State::Claimed && activeflow.record.token == Some(claim.token) {
            activeflow.record.token = None;
            self.drop_claim(claim.id);
            self.make_ready(claim.id, now);
        }
    }
}
