//! Maintenance of a shard by a scheduler: due waits become inputs, claims of dead workers become ready, ended activeflows are
//! removed after their retention.

use super::error::StoreError;
use super::work::Wakeups;
use crate::Shard;
use crate::member::MemberId;
use async_trait::async_trait;
use flow::Timestamp;

/// Result of one sweep of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    pub now: Timestamp,
    /// Lateness of each wait that became an input, in microseconds.
    pub late_us: Vec<u64>,
    /// Claims of dead workers that became suspects.
    pub suspects: u32,
    /// Suspects that were quarantined: their workers died [`crate::limits::DEATHS_ALONE`] times without progress.
    pub quarantined: u32,
    /// Claims older than [`crate::limits::CLAIM_OVERDUE`] that became ready without suspicion.
    pub overdue: u32,
    /// Ended activeflows that were removed.
    pub forgotten: u32,
    /// Time at which the next wait is due.
    pub next_due: Option<Timestamp>,
    /// Whether another sweep has work to do at once.
    pub more: bool,
}

/// Numbers of activeflows in a shard, by place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub now: Timestamp,
    pub resumed: u64,
    pub new: u64,
    pub suspects: u64,
    pub claimed: u64,
    pub waits: u64,
    pub oldest_ready: Option<Timestamp>,
}

#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Sweeps a shard once. A sweep is bounded, may be repeated, and may run on several replicas at once.
    async fn sweep(&self, shard: Shard, dead: &[MemberId]) -> Result<SweepReport, StoreError>;

    async fn depth(&self, shard: Shard) -> Result<Depth, StoreError>;

    /// Subscribes to wakeups for a new earliest wait of a shard.
    async fn listen_due(&self) -> Box<dyn Wakeups>;
}
