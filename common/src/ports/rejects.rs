//! The rejected queue: events that could not be used. An operator lists, replays or discards them.

use super::error::Unusable;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Name of a [`crate::refusal::RefusalReason`], or `delivery_limit` if the broker gave up delivering the event.
    pub reason: String,
    /// A sentence with the place and both values.
    pub message: String,
    pub body: Vec<u8>,
    /// Original properties `routing_key`, `reference`, `message_id`, `user_id`, `traceparent`.
    pub original: BTreeMap<String, String>,
}

/// Selection of rejected events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selection {
    All,
    MessageIds(BTreeSet<String>),
}

#[async_trait]
pub trait Rejects: Send + Sync {
    /// Reads the oldest `limit` events; they stay in the queue.
    async fn list(&self, limit: usize) -> Result<Vec<Rejected>, Unusable>;

    /// Publishes the events again, unchanged. Returns their number.
    async fn replay(&self, selection: &Selection) -> Result<usize, Unusable>;

    /// Removes the events. Returns their number.
    async fn discard(&self, selection: &Selection) -> Result<usize, Unusable>;
}

impl Selection {
    pub fn has(&self, rejected: &Rejected) -> bool {
        match self {
            Selection::All => true,
            Selection::MessageIds(ids) => {
                rejected.original.get("message_id").is_some_and(|id| ids.contains(id))
            }
        }
    }
}
