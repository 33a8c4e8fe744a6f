//! Events that could not be used, where a person can look at them, publish them again or remove them.

use super::error::Unusable;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Machine-readable: `malformed_json`, `inbox_full`, ...; `delivery_limit` if the broker gave up delivering it.
    pub reason: String,
    /// A sentence with the place and both values.
    pub message: String,
    pub body: Vec<u8>,
    /// As they came: `routing_key`, `reference`, `message_id`, `user_id`, `traceparent`.
    pub original: BTreeMap<String, String>,
}

/// Which ones are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selection {
    All,
    MessageIds(BTreeSet<String>),
}

#[async_trait]
pub trait Rejects: Send + Sync {
    /// The oldest `limit`; they stay where they are.
    async fn list(&self, limit: usize) -> Result<Vec<Rejected>, Unusable>;

    /// Publishes them again as they were; answers how many.
    async fn replay(&self, selection: &Selection) -> Result<usize, Unusable>;

    /// Removes them; answers how many.
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
