//! Looking at activeflows, and asking something of one.

use super::error::StoreError;
use super::work::Control;
use crate::record::{Entry, Record};
use crate::{ActiveflowId, Shard};
use async_trait::async_trait;
use flow::Timestamp;

/// An activeflow as the store has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub id: ActiveflowId,
    pub record: Record,
    pub inbox: Vec<Entry>,
    pub outbox: Vec<Vec<u8>>,
    pub control: Option<Control>,
    /// The last 64 journal entries, oldest first.
    pub journal: Vec<Vec<u8>>,
}

/// A page of a customer's activeflows, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    pub customer_id: String,
    /// Only those before this one in the order (creation time, id), both descending.
    pub before: Option<(Timestamp, ActiveflowId)>,
    pub limit: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Controlled {
    /// Stored; a worker takes it up.
    Accepted,
    /// It had ended already, or ended now without a worker (a quarantined one that was stopped).
    Ended,
    /// There is no such activeflow, or it was forgotten.
    Unknown,
}

/// One entry of a shard's feed: what happened, for an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// Opaque position; grows.
    pub position: String,
    pub id: ActiveflowId,
    pub kind: FeedKind,
    pub at: Timestamp,
    /// A journal entry, where there is one.
    pub journal: Vec<u8>,
}

/// Kind of a feed entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedKind {
    Created,
    Moved,
    Ended,
    Quarantined,
}

impl FeedKind {
    /// The name in stored entries.
    pub fn name(self) -> &'static str {
        match self {
            FeedKind::Created => "created",
            FeedKind::Moved => "moved",
            FeedKind::Ended => "ended",
            FeedKind::Quarantined => "quarantined",
        }
    }

    pub fn from_name(name: &[u8]) -> Option<FeedKind> {
        [FeedKind::Created, FeedKind::Moved, FeedKind::Ended, FeedKind::Quarantined]
            .into_iter()
            .find(|kind| kind.name().as_bytes() == name)
    }
}

#[async_trait]
pub trait Lookup: Send + Sync {
    async fn get(&self, id: ActiveflowId) -> Result<Option<Found>, StoreError>;

    async fn list(&self, query: &ListQuery) -> Result<Vec<Found>, StoreError>;

    /// Stop goes before pause, pause before the rest; among the rest the last one wins.
    async fn control(&self, id: ActiveflowId, control: &Control) -> Result<Controlled, StoreError>;

    /// Entries behind `after` (empty: from the oldest kept).
    async fn feed(&self, shard: Shard, after: &str, max: u32) -> Result<Vec<FeedEntry>, StoreError>;

    /// Forgets entries up to and including `through`.
    async fn trim(&self, shard: Shard, through: &str) -> Result<(), StoreError>;
}
