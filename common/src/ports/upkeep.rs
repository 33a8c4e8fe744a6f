//! What a scheduler does to a shard: due waits become inputs, what the dead held becomes ready, the old is forgotten.

use super::error::StoreError;
use super::work::Wakeups;
use crate::Shard;
use crate::member::MemberId;
use async_trait::async_trait;
use flow::Timestamp;

/// What one look at a shard did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub now: Timestamp,
    /// How late each wait that became an input was, in microseconds.
    pub late_us: Vec<u64>,
    /// Claims of dead workers that became ready, as suspects.
    pub suspects: u32,
    /// Of these, how many were quarantined: died alone five times without progress.
    pub quarantined: u32,
    /// Claims older than 60 s that became ready as they were.
    pub overdue: u32,
    /// Ended activeflows forgotten.
    pub forgotten: u32,
    /// When the next wait is due.
    pub next_due: Option<Timestamp>,
    /// There is more than one look does.
    pub more: bool,
}

/// How full a shard is.
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
    /// Looks at a shard once; bounded, safe to repeat and to run on several replicas at once.
    async fn sweep(&self, shard: Shard, dead: &[MemberId]) -> Result<Swept, StoreError>;

    async fn depth(&self, shard: Shard) -> Result<Depth, StoreError>;

    /// What rings when a wait is due earlier than the earliest before.
    async fn listen_due(&self) -> Box<dyn Wakeups>;
}
