//! The executor: claims ready activeflows, moves their cursors, stores each transition, publishes its commands, and
//! releases the claim.
//!
//! ```text
//! claim ─► settle commands of an earlier worker ─► turn (control, inputs ─► step) ─► commit ─► publish ─► finish
//!                                                   ▲                                                       │
//!                                                   └──────────────── new inputs arrived ◄──────────────────┘
//! ```
//!
//! Commands are stored before they are published, and the claim is kept until all of them are confirmed. A worker that has
//! lost its claim gets `Fenced` from the store and drops its work; nothing of it becomes visible.

mod advance;
mod after;
mod brake;
mod broker_status;
mod bundle_cache;
mod claim;
mod claim_scheduler;
mod commit;
mod config;
mod eager;
mod executor;
mod failure_log;
#[cfg(test)]
mod fakes;
mod membership;
mod metrics;
mod perform;
mod ports;
mod turn;
mod turn_output;

pub use config::Config;
pub use eager::EagerStarts;
pub use ports::Ports;

use claim::ClaimLoop;
use eager::OfferEnd;
use executor::Executor;
use membership::Membership;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Runs an executor until `shutdown`. Then finishes or releases the claimed activeflows, for at most
/// `config.shutdown_grace`.
pub async fn run(ports: Ports, config: Config, shutdown: CancellationToken) {
    metrics::describe();
    let executor = Arc::new(Executor::new(ports, config));
    let _end = OfferEnd(executor.ports.eager.clone());
    let (membership, mut heartbeats) = Membership::begin(executor.clone());
    let heartbeats = AbortOnDropHandle::new(tokio::spawn(async move { heartbeats.run().await }));
    let idle = ClaimLoop::new(executor.clone(), membership).serve(&shutdown).await;
    drop(heartbeats);
    if let Some(id) = idle
        && let Err(error) = executor.ports.members.leave(id).await
    {
        tracing::debug!(worker_id = %id, %error, "Could not leave the member list; the lease will expire");
    }
    tracing::info!("Executor stopped");
}
