//! Store calls of a transition: commit, finish and release, each repeated until the store answers.

use crate::executor::Executor;
use crate::metrics;
use common::ports::work::{Claim, CommitOutcome, Disposition, Transition};
use common::retry::until_answered;
use common::{ActiveflowId, StoreError};

/// Reason to stop the work on an activeflow before its claim is parked, yielded or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortReason {
    /// The claim belongs to another worker; there is nothing to release.
    Fenced,
    /// The activeflow cannot move now: release it after `retry_after`.
    Later,
    /// The broker does not confirm: release the claim at once; its commands are stored.
    BrokerAway,
}

/// # Errors
/// [`AbortReason::Fenced`], or [`AbortReason::Later`] when a retry at once cannot succeed.
pub async fn commit(
    executor: &Executor,
    claim: &Claim,
    version: u64,
    transition: &Transition,
    after: &Disposition,
) -> Result<CommitOutcome, AbortReason> {
    let work = &executor.ports.work;
    let answer =
        until_answered(&*executor.ports.clock, || work.commit(claim, version, transition, after)).await;
    metrics::committed();
    check_claim("commit", claim.id, answer)
}

/// Settles all commands and moves the claim to `after`.
///
/// # Errors
/// As [`commit`].
pub async fn finish(
    executor: &Executor,
    claim: &Claim,
    version: u64,
    after: &Disposition,
) -> Result<CommitOutcome, AbortReason> {
    let work = &executor.ports.work;
    let answer = until_answered(&*executor.ports.clock, || work.finish(claim, version, 0, after)).await;
    check_claim("finish", claim.id, answer)
}

/// Releases the claim unchanged. Returns whether the store did so.
pub async fn release(executor: &Executor, claim: &Claim) -> bool {
    let work = &executor.ports.work;
    let answer = until_answered(&*executor.ports.clock, || work.release(claim)).await;
    if let Err(error) = &answer {
        tracing::error!(activeflow_id = %claim.id, shard = %claim.shard, %error, "Could not release an activeflow");
    }
    answer.is_ok()
}

fn check_claim(
    operation: &str,
    id: ActiveflowId,
    answer: Result<CommitOutcome, StoreError>,
) -> Result<CommitOutcome, AbortReason> {
    match answer {
        Ok(CommitOutcome::Fenced) => {
            metrics::fenced();
            tracing::debug!(activeflow_id = %id, operation, "The claim belongs to another worker; dropping this work");
            Err(AbortReason::Fenced)
        }
        Ok(outcome) => Ok(outcome),
        Err(error) => {
            tracing::error!(activeflow_id = %id, operation, %error, "The store could not change an activeflow");
            Err(AbortReason::Later)
        }
    }
}
