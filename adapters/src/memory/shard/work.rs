//! Claim, commit, finish, release.

use super::state::ShardState;
use common::ActiveflowId;
use common::limits::{JOURNAL_ENTRIES, SUSPECT_GROUP};
use common::ports::error::StoreError;
use common::ports::lookup::FeedKind;
use common::ports::work::{After, Claim, Claimed, CommitOutcome, Row, Token, Transition, Want};
use common::record::{State, Suspect};
use flow::Timestamp;

impl ShardState {
    pub fn claim(&mut self, token: Token, want: Want, now: Timestamp) -> Claimed {
        if self.dead.contains_key(&token.worker) {
            return Claimed::Dead;
        }
        let ids = match self.nonces.get(&token.worker) {
            // The same call again answers with what it claimed; an older one, delivered late, with nothing.
            Some((nonce, ids)) if *nonce == token.nonce => ids.clone(),
            Some((nonce, _)) if *nonce > token.nonce => Vec::new(),
            _ => self.take(token, want, now),
        };
        let rows = ids.into_iter().filter_map(|id| self.row(id, token)).collect();
        let suspects = (self.lanes.suspects.len() + self.lanes.alone.len()) as u64;
        Claimed::Rows { now, rows, suspects }
    }

    fn take(&mut self, token: Token, want: Want, now: Timestamp) -> Vec<ActiveflowId> {
        let mut ids = Vec::new();
        let alone = want.idle && !self.lanes.alone.is_empty();
        let suspects = want.idle && !self.lanes.suspects.is_empty();
        // With both, every other claim takes from the other, so that one which cannot move hides nobody.
        if alone && !(suspects && token.nonce % 2 == 1) {
            ids.extend(self.lanes.alone.pop_front());
        } else if suspects {
            let group = want.max.min(SUSPECT_GROUP) as usize;
            ids.extend(self.lanes.suspects.drain(..group.min(self.lanes.suspects.len())));
        } else {
            let max = want.max as usize;
            let resumed = max.min(self.lanes.resumed.len());
            ids.extend(self.lanes.resumed.drain(..resumed));
            let fresh = (max - resumed).min(self.lanes.fresh.len());
            ids.extend(self.lanes.fresh.drain(..fresh));
        }
        ids.retain(|id| self.take_one(*id, token, now));
        let claimed = (token.nonce, ids.clone());
        if ids.is_empty() {
            self.nonces.insert_passing(token.worker, claimed);
        } else {
            self.nonces.insert(token.worker, claimed);
        }
        ids
    }

    fn take_one(&mut self, id: ActiveflowId, token: Token, now: Timestamp) -> bool {
        match self.held.get_mut(&id) {
            Some(held) if held.record.state == State::Ready => {
                held.record.state = State::Claimed;
                held.record.token = Some(token);
                held.claimed_at = now;
                self.claims.insert((now, id));
                true
            }
            _ => false,
        }
    }

    fn row(&self, id: ActiveflowId, token: Token) -> Option<Row> {
        let held = self.held.get(&id)?;
        let mine = held.record.state == State::Claimed && held.record.token == Some(token);
        mine.then(|| Row {
            claim: Claim { id, shard: self.id, token },
            record: held.record.clone(),
            inbox: held.inbox.iter().cloned().collect(),
            outbox: held.outbox.clone(),
            control: held.control.clone(),
        })
    }

    pub fn commit(
        &mut self,
        claim: &Claim,
        version: u64,
        transition: &Transition,
        after: &After,
        now: Timestamp,
    ) -> Result<CommitOutcome, StoreError> {
        let Some(held) = self.held.get(&claim.id) else { return Ok(CommitOutcome::Fenced) };
        let (state, at) = (held.record.state, held.record.version);
        if held.record.token != Some(claim.token) {
            return Ok(CommitOutcome::Fenced);
        }
        if state == State::Claimed && at == version {
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
        let Some(held) = self.held.get_mut(&id) else { return };
        held.record.body = transition.body.clone();
        held.record.version += 1;
        held.record.updated = now;
        held.record.suspect = Suspect::No;
        held.record.attempts = 0;
        for entry in held.inbox.drain(..(transition.consumed as usize).min(held.inbox.len())) {
            held.record.inbox_bytes -= entry.to_bytes().len() as u32;
        }
        held.outbox.extend(transition.commands.iter().cloned());
        if transition.control.is_some() && transition.control == held.control {
            held.control = None;
        }
        if let Some(journal) = &transition.journal {
            held.journal.push(journal.clone(), JOURNAL_ENTRIES);
            self.note(id, FeedKind::Moved, now, journal.clone());
        }
    }

    pub fn finish(
        &mut self,
        claim: &Claim,
        version: u64,
        unsettled: u32,
        after: &After,
        now: Timestamp,
    ) -> Result<CommitOutcome, StoreError> {
        let Some(held) = self.held.get_mut(&claim.id) else { return Ok(CommitOutcome::Fenced) };
        if held.record.token != Some(claim.token) || held.record.version != version {
            return Ok(CommitOutcome::Fenced);
        }
        if held.record.state != State::Claimed {
            return Ok(CommitOutcome::Released { version });
        }
        let settled = held.outbox.len().saturating_sub(unsettled as usize);
        held.outbox.drain(..settled);
        self.settle(claim.id, after, now)
    }

    pub fn release(&mut self, claim: &Claim, now: Timestamp) {
        let Some(held) = self.held.get_mut(&claim.id) else { return };
        if held.record.state == State::Claimed && held.record.token == Some(claim.token) {
            held.record.token = None;
            self.drop_claim(claim.id);
            self.make_ready(claim.id, now);
        }
    }
}
