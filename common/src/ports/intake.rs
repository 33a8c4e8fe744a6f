//! How an event enters the store.

use super::error::StoreError;
use crate::record::Start;
use crate::{ActiveflowId, EventKey, Shard};
use async_trait::async_trait;

/// One event, addressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deliver {
    pub key: EventKey,
    pub shard: Shard,
    /// Of the definitions by which it was addressed.
    pub generation: u64,
    pub to: To,
    /// CloudEvents type, looked up in the owner's hears set.
    pub kind: String,
    /// The event, opaque to the store.
    pub input: Vec<u8>,
    /// Hang-ups and `command.*` always fit; for others a full inbox is [`Delivered::InboxFull`].
    pub always_fits: bool,
}

#[expect(clippy::large_enum_variant, reason = "one is made for each event and passed by reference")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// `command.*`: this activeflow, if it is of this realm.
    Activeflow { id: ActiveflowId, realm: String },
    /// The owner of the reference if it hears the event; if there is no owner, `owner` starts; `sides` start in any case.
    Reference { key: [u8; 16], owner: Option<Start>, sides: Vec<Start> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Stored. `to` took it into its inbox (also when it was just started by it); `started` are all that it started.
    Applied { to: Option<ActiveflowId>, started: Vec<ActiveflowId>, backlog: u64 },
    /// Seen before within the dedup window: nothing changed.
    Duplicate,
    /// Nobody hears it and it starts nothing: not marked as seen.
    Unmatched,
    /// `command.*` for an activeflow that has ended or is not known.
    Late,
    /// The owner's inbox is full: not marked as seen.
    InboxFull { owner: ActiveflowId },
    /// The shard knows a newer generation: refresh and address again.
    StaleDefinitions { generation: u64 },
}

#[async_trait]
pub trait Intake: Send + Sync {
    fn shards(&self) -> u16;

    /// Applies one event, once. What it starts and whom it wakes is one operation.
    async fn deliver(&self, event: &Deliver) -> Result<Delivered, StoreError>;

    /// Counts one solo attempt at a suspicious event, before it is tried; returns how many there were, this one included.
    /// `attempt` names it, so that asking again after a lost answer counts it once.
    async fn count_attempt(&self, shard: Shard, key: EventKey, attempt: u64) -> Result<u32, StoreError>;
}
