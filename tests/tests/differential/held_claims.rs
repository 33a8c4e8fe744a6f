//! The claims that the workers believe to hold, and their old claims, which are used again too.

use super::operation::{Answer, Operation};
use common::ports::intake::Delivered;
use common::ports::work::{Claim, Claimed, CommitOutcome, Control, Row};
use common::record::Entry;
use tests::rng::Rng;

const REMEMBERED: usize = 60;

/// A claim as its worker knows it from the last answer.
#[derive(Clone)]
pub struct HeldClaim {
    pub claim: Claim,
    pub version: u64,
    pub inbox: Vec<Entry>,
    pub unsettled: u32,
    pub control: Option<Control>,
}

#[derive(Default)]
pub struct HeldClaims {
    pub held: Vec<HeldClaim>,
    lost: Vec<HeldClaim>,
}

impl HeldClaims {
    pub fn one(&self, rng: &mut Rng) -> Option<&HeldClaim> {
        (!self.held.is_empty()).then(|| rng.pick(&self.held))
    }

    pub fn lost_one(&self, rng: &mut Rng) -> Option<&HeldClaim> {
        (!self.lost.is_empty()).then(|| rng.pick(&self.lost))
    }

    pub fn learn(&mut self, operation: &Operation, answer: &Answer) {
        match (operation, answer) {
            (Operation::Claim { .. }, Answer::Claimed(Claimed::Rows { rows, .. })) => {
                for row in rows {
                    self.held.retain(|held| held.claim != row.claim);
                    self.held.push(HeldClaim::from(row));
                }
            }
            (Operation::Deliver(event), Answer::Delivered(Delivered::Applied { to, claimed, .. })) => {
                if let (Some(id), Some(token), Some(_)) = (to, event.eager, claimed) {
                    let claim = Claim { id: *id, shard: event.shard, token };
                    self.held.retain(|held| held.claim != claim);
                    let inbox = vec![Entry::Trigger];
                    self.held.push(HeldClaim { claim, version: 0, inbox, unsettled: 0, control: None });
                }
            }
            (_, Answer::CommitOutcome(CommitOutcome::RateLimited { .. })) => {}
            (Operation::Commit { claim, made, .. }, Answer::CommitOutcome(outcome)) => {
                if let Some(at) = self.still_held(claim, outcome) {
                    let held = &mut self.held[at];
                    held.inbox.drain(..held.inbox.len().min(made.consumed as usize));
                    held.unsettled += made.commands.len() as u32;
                    if made.control == held.control {
                        held.control = None;
                    }
                    held.learn(outcome);
                }
            }
            (Operation::Finish { claim, unsettled, .. }, Answer::CommitOutcome(outcome)) => {
                if let Some(at) = self.still_held(claim, outcome) {
                    self.held[at].unsettled = self.held[at].unsettled.min(*unsettled);
                    self.held[at].learn(outcome);
                }
            }
            (Operation::Release(claim), _) => self.lose(claim),
            _ => {}
        }
        let older = self.lost.len().saturating_sub(REMEMBERED);
        self.lost.drain(..older);
    }

    /// Position of the claim if it is still held after `outcome`.
    fn still_held(&mut self, claim: &Claim, outcome: &CommitOutcome) -> Option<usize> {
        match outcome {
            CommitOutcome::ClaimKept { .. }
            | CommitOutcome::More { .. }
            | CommitOutcome::RateLimited { .. } => self.held.iter().position(|held| held.claim == *claim),
            CommitOutcome::Released { .. } | CommitOutcome::Fenced => {
                self.lose(claim);
                None
            }
        }
    }

    fn lose(&mut self, claim: &Claim) {
        self.lost.extend(self.held.extract_if(.., |held| held.claim == *claim));
    }
}

impl HeldClaim {
    fn from(row: &Row) -> HeldClaim {
        HeldClaim {
            claim: row.claim,
            version: row.record.version,
            inbox: row.inbox.clone(),
            unsettled: row.outbox.len() as u32,
            control: row.control.clone(),
        }
    }

    fn learn(&mut self, outcome: &CommitOutcome) {
        match outcome {
            CommitOutcome::ClaimKept { version } => self.version = *version,
            CommitOutcome::More { version, inbox, control } => {
                self.version = *version;
                self.inbox.clone_from(inbox);
                self.control.clone_from(control);
            }
            CommitOutcome::Released { .. } | CommitOutcome::RateLimited { .. } | CommitOutcome::Fenced => {}
        }
    }
}
