//! The store's side of a transition, asked until it answers: commit, finish, release.

use crate::{Executor, metrics};
use common::answer::until_answered;
use common::ports::work::{After, Claim, CommitOutcome, Transition};
use common::{ActiveflowId, StoreError};

/// Why an activeflow is let go before it rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortReason {
    /// The claim is another's; there is nothing left to give back.
    Fenced,
    /// It cannot move now: give it back after a while.
    Later,
    /// Confirms do not come: give it back at once, its commands are stored.
    BrokerAway,
}

/// # Errors
/// [`AbortReason::Fenced`], or [`AbortReason::Later`] when trying again at once cannot help.
pub async fn commit(
    executor: &Executor,
    claim: &Claim,
    version: u64,
    transition: &Transition,
    after: &After,
) -> Result<CommitOutcome, AbortReason> {
    let work = &executor.ports.work;
    let answer =
        until_answered(&*executor.ports.clock, || work.commit(claim, version, transition, after)).await;
    metrics::committed();
    held("commit", claim.id, answer)
}

/// Settles every command and does `after`.
///
/// # Errors
/// As [`commit`].
pub async fn finish(
    executor: &Executor,
    claim: &Claim,
    version: u64,
    after: &After,
) -> Result<CommitOutcome, AbortReason> {
    let work = &executor.ports.work;
    let answer = until_answered(&*executor.ports.clock, || work.finish(claim, version, 0, after)).await;
    held("finish", claim.id, answer)
}

/// Gives the claim back unchanged; whether the store took it.
pub async fn release(executor: &Executor, claim: &Claim) -> bool {
    let work = &executor.ports.work;
    let answer = until_answered(&*executor.ports.clock, || work.release(claim)).await;
    if let Err(error) = &answer {
        tracing::error!(activeflow_id = %claim.id, shard = %claim.shard, %error, "Could not give an activeflow back");
    }
    answer.is_ok()
}

fn held(
    operation: &str,
    id: ActiveflowId,
    answer: Result<CommitOutcome, StoreError>,
) -> Result<CommitOutcome, AbortReason> {
    match answer {
        Ok(CommitOutcome::Fenced) => {
            metrics::fenced();
            tracing::debug!(activeflow_id = %id, operation, "The claim is another's; what was done here is dropped");
            Err(AbortReason::Fenced)
        }
        Ok(outcome) => Ok(outcome),
        Err(error) => {
            tracing::error!(activeflow_id = %id, operation, %error, "The store cannot move an activeflow");
            Err(AbortReason::Later)
        }
    }
}
