//! What the workers believe that they hold, and what they held once: the claims of the past are used again too.

use super::operation::{Answer, Operation};
use common::ports::work::{Claim, Claimed, CommitOutcome, Control, Row};
use common::record::Entry;
use tests::carrier::Dice;

const REMEMBERED: usize = 60;

/// A claim as its worker knows it from the last answer.
#[derive(Clone)]
pub struct Held {
    pub claim: Claim,
    pub version: u64,
    pub inbox: Vec<Entry>,
    pub unsettled: u32,
    pub control: Option<Control>,
}

#[derive(Default)]
pub struct Grip {
    pub held: Vec<Held>,
    lost: Vec<Held>,
}

impl Grip {
    pub fn one(&self, dice: &mut Dice) -> Option<&Held> {
        (!self.held.is_empty()).then(|| dice.pick(&self.held))
    }

    pub fn lost_one(&self, dice: &mut Dice) -> Option<&Held> {
        (!self.lost.is_empty()).then(|| dice.pick(&self.lost))
    }

    pub fn learn(&mut self, operation: &Operation, answer: &Answer) {
        match (operation, answer) {
            (Operation::Claim { .. }, Answer::Claimed(Claimed::Rows { rows, .. })) => {
                for row in rows {
                    self.held.retain(|held| held.claim != row.claim);
                    self.held.push(Held::from(row));
                }
            }
            (Operation::Commit { claim, made, .. }, Answer::CommitOutcome(outcome)) => {
                if let Some(at) = self.take_back(claim, outcome) {
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
                if let Some(at) = self.take_back(claim, outcome) {
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

    /// Where the claim is, if it is still held after `outcome`.
    fn take_back(&mut self, claim: &Claim, outcome: &CommitOutcome) -> Option<usize> {
        match outcome {
            CommitOutcome::ClaimKept { .. } | CommitOutcome::More { .. } => {
                self.held.iter().position(|held| held.claim == *claim)
            }
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

impl Held {
    fn from(row: &Row) -> Held {
        Held {
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
            CommitOutcome::Released { .. } | CommitOutcome::Fenced => {}
        }
    }
}
