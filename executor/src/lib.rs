//! The executor: claims activeflows that are ready, moves their cursors, stores each transition, publishes its
//! commands, and lets go.
//!
//! ```text
//! claim ─► settle what an earlier worker left ─► turn (control, inputs ─► step) ─► commit ─► publish ─► finish
//!                                                 ▲                                                       │
//!                                                 └──────────────── more came meanwhile ◄─────────────────┘
//! ```
//!
//! Commands are stored before they are published, and the claim is kept until all of them are confirmed. Who lost the
//! claim is told `Fenced` and drops what it did without a trace.

pub mod advance;
mod bounds;
mod broker;
mod bundles;
mod claim;
mod claim_scheduler;
mod commit;
#[cfg(test)]
mod fakes;
mod membership;
pub mod metrics;
pub mod perform;
mod rest;
pub mod turn;

pub use advance::{AdvanceOutcome, StoreTime, advance};

use broker::Broker;
use bundles::Bundles;
use claim::Claims;
use common::ports::{Bus, Catalogue, Clock, Members, Work};
use membership::Membership;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

#[derive(Clone)]
pub struct Ports {
    pub work: Arc<dyn Work>,
    pub catalogue: Arc<dyn Catalogue>,
    pub members: Arc<dyn Members>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where this process runs, for people: `host:pid`.
    pub instance: String,
    /// As the store was installed with.
    pub shards: u16,
    /// How many activeflows are held at once.
    pub capacity: usize,
    /// How often a cursor that ran its bounded number of actions goes on within one claim before others get their turn.
    pub resumes: u32,
    /// How many actions one commit holds at most, from 1 to [`flow::limits::ACTIONS_PER_STEP`].
    pub actions_per_commit: u32,
    /// How long the oldest confirm may be overdue before the broker counts as away.
    pub confirm_timeout: Duration,
    /// How many compiled bundles are kept.
    pub bundles: usize,
    /// How often it beats.
    pub heartbeat_interval: Duration,
    /// How often it looks at every shard, rung or not.
    pub poll_interval: Duration,
    /// After how long without a beat another executor's shards are taken over.
    pub lease: Duration,
    /// How long an activeflow is kept that cannot move now (its bundle is missing) before it is given back.
    pub retry_after: Duration,
    /// How long what is held may take after a shutdown was asked for.
    pub shutdown_grace: Duration,
}

/// What the handling of every activeflow shares.
pub struct Executor {
    pub ports: Ports,
    pub config: Config,
    pub(crate) bundles: Bundles,
    pub(crate) broker: Broker,
}

impl Executor {
    pub fn new(ports: Ports, config: Config) -> Executor {
        let bundles = Bundles::new(ports.catalogue.clone(), config.bundles);
        Executor { ports, config, bundles, broker: Broker::default() }
    }
}

/// Runs an executor until `shutdown`, and then as long as what it holds needs, at most `config.shutdown_grace`.
pub async fn run(ports: Ports, config: Config, shutdown: CancellationToken) {
    metrics::describe();
    let executor = Arc::new(Executor::new(ports, config));
    let (membership, mut heartbeats) = Membership::begin(executor.clone());
    let heartbeats = AbortOnDropHandle::new(tokio::spawn(async move { heartbeats.run().await }));
    let left = Claims::new(executor.clone(), membership).serve(&shutdown).await;
    drop(heartbeats);
    if let Some(id) = left
        && let Err(error) = executor.ports.members.leave(id).await
    {
        tracing::debug!(worker_id = %id, %error, "Could not leave the member list; its lease runs out");
    }
    tracing::info!("Executor has stopped");
}
