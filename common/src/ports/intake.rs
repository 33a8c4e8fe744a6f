//! Delivery of events into the store.

use super::error::StoreError;
use crate::record::Start;
use crate::token::Token;
use crate::{ActiveflowId, EventKey, Shard};
use async_trait::async_trait;
use flow::Timestamp;

/// Request to apply one addressed event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deliver {
    pub key: EventKey,
    pub shard: Shard,
    /// Generation of the definitions by which the event was addressed.
    pub generation: u64,
    pub to: Destination,
    /// CloudEvents type; the owner takes the event if its hears set contains it.
    pub kind: String,
    /// Bytes of the event, opaque to the store.
    pub input: Vec<u8>,
    /// Set for a reference that starts one activeflow only: a call, a form or a job.
    pub single_use: Option<SingleUse>,
    /// True for hang-ups and `command.*`. Others are refused by a full inbox with [`Delivered::InboxFull`].
    pub always_fits: bool,
    /// The new owner is claimed under this token if nothing else of the shard is ready (see [`super::eager`]).
    pub eager: Option<Token>,
}

/// Start of a single-use reference: every event to such a reference carries this. While its owner lives, and until the store forgets its
/// end, a further start is a [`Delivered::Copy`], unless the event is dated after that end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SingleUse {
    /// The event's own time.
    pub dated: Option<Timestamp>,
}

#[expect(clippy::large_enum_variant, reason = "one is made for each event and passed by reference")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The activeflow that sent a command, if it belongs to `realm`.
    Activeflow { id: ActiveflowId, realm: String },
    /// The owner of the reference, if it hears the event. Without an owner, `owner` starts. An owner that does not hear it keeps
    /// it while it runs, so that `owner` starts after it. `sides` start in any case.
    Reference { key: [u8; 16], owner: Option<Start>, sides: Vec<Start> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// The event is stored: in the inbox of `to`, which the event may have started. `started` are all activeflows that it
    /// started, `backlog` is the number of ready activeflows in the shard. `claimed` is the store's time if `to` is claimed under
    /// [`Deliver::eager`]; a repeated call gets it too, until somebody else claims it.
    Applied { to: Option<ActiveflowId>, started: Vec<ActiveflowId>, backlog: u64, claimed: Option<Timestamp> },
    /// The event was applied before, within the dedup window: nothing changed.
    Duplicate,
    /// The event would start an activeflow for a single-use reference that started one before. It is not marked as applied.
    Copy,
    /// No activeflow hears the event and it starts nothing. It is not marked as applied.
    Unmatched,
    /// The activeflow of a command's result has ended or is unknown.
    Late,
    /// The owner's inbox is full. The event is not marked as applied.
    InboxFull { owner: ActiveflowId },
    /// The shard knows a newer generation: load the definitions and address the event again.
    StaleDefinitions { generation: u64 },
}

#[async_trait]
pub trait Intake: Send + Sync {
    fn shards(&self) -> u16;

    /// Applies one event once: inbox entry, new activeflows and dedup mark are one operation.
    async fn deliver(&self, event: &Deliver) -> Result<Delivered, StoreError>;

    /// Counts one solo attempt at a suspicious event, before the attempt. Returns the number of attempts including this one.
    /// `attempt` names the attempt, so that a repeated call counts it once.
    async fn count_attempt(&self, shard: Shard, key: EventKey, attempt: u64) -> Result<u32, StoreError>;
}
