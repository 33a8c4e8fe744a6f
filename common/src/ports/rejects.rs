//! The rejected queue: events that could not be used. An operator lists, replays or discards them.

use super::error::Unusable;
use crate::EventKey;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Maximum bytes of a body in a list.
pub const MAX_LISTED_BODY: usize = flow::event::MAX_EVENT_BYTES;
/// Bytes of bodies after which a list ends.
pub const MAX_LISTED_BYTES: usize = 8 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Id of this entry of the queue.
    pub id: String,
    /// Name of a [`crate::refusal::RefusalReason`], or `delivery_limit` if the broker gave up delivering the event.
    pub reason: String,
    /// A sentence with the place and both values.
    pub message: String,
    /// In a list at most [`MAX_LISTED_BODY`] bytes.
    pub body: Vec<u8>,
    /// Bytes of the whole body.
    pub size: usize,
    /// Original properties `routing_key`, `reference`, `message_id`, `user_id`, `traceparent`.
    pub original: BTreeMap<String, String>,
}

/// Selection of rejected events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selection {
    All,
    /// Each is the id of an entry or the message id of an event.
    Ids(BTreeSet<String>),
}

#[async_trait]
pub trait Rejects: Send + Sync {
    /// Reads the oldest `limit` events, or fewer if their bodies exceed [`MAX_LISTED_BYTES`]; they stay in the queue.
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
            Selection::Ids(ids) => {
                ids.contains(&rejected.id)
                    || rejected.original.get("message_id").is_some_and(|id| ids.contains(id))
            }
        }
    }
}

impl Rejected {
    /// The entry as a list shows it.
    #[must_use]
    pub fn abridged(mut self) -> Rejected {
        self.body.truncate(MAX_LISTED_BODY);
        self
    }
}

/// An id of 16 hexadecimal digits: a hash of the parts and the body.
pub fn derived_id(first: &str, second: &str, body: &[u8]) -> String {
    let hash = EventKey::of(&[first, second, &String::from_utf8_lossy(body)]);
    hash.0[..8].iter().fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}
