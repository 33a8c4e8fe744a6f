//! Reading activeflows and the feed, and controlling an activeflow.

use super::error::StoreError;
use super::work::Control;
use crate::record::{Entry, Record, read_cursor};
use crate::{ActiveflowId, EventKey, Shard};
use async_trait::async_trait;
use flow::{Cursor, FormatError, Timestamp};

/// An activeflow with everything that the store keeps for it.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveflowSnapshot {
    pub id: ActiveflowId,
    pub record: Record,
    /// Bytes of the event that starts or started the activeflow.
    pub trigger: Vec<u8>,
    pub inbox: Vec<Entry>,
    pub outbox: Vec<Vec<u8>>,
    pub control: Option<Control>,
    /// The last [`crate::limits::JOURNAL_ENTRIES`] journal entries, oldest first.
    pub journal: Vec<Vec<u8>>,
}

impl ActiveflowSnapshot {
    /// # Errors
    /// See [`read_cursor`]. An activeflow that has not started has no cursor.
    pub fn cursor(&self) -> Result<Cursor, FormatError> {
        read_cursor(self.id, &self.record.spec, &self.record.body, &self.trigger)
    }
}

/// Query for a page of a customer's activeflows, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    pub customer_id: String,
    /// Start after this position in the order (creation time, id), both descending.
    pub before: Option<(Timestamp, ActiveflowId)>,
    pub limit: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Controlled {
    /// The control is stored; a worker will apply it.
    Accepted,
    /// The activeflow had ended, or ended now without a worker (a quarantined one that was stopped).
    Ended,
    /// There is no such activeflow, or its retention is over.
    Unknown,
    /// The request was accepted before, within the dedup window: nothing changed.
    Repeated,
    /// The id of the request belongs to another request: nothing changed.
    IdReused,
    /// The request is void and was not accepted before.
    Void,
}

/// Identity of a control request, so that it takes effect once however often it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlRequest {
    /// Key of the request's id.
    pub id: EventKey,
    /// Key of the id together with what is asked for.
    pub content: EventKey,
    /// Whether it would have no effect now, so that the store only tells whether it was accepted before.
    pub is_void: bool,
}

impl ControlRequest {
    /// `asker` and `id` name the request to the activeflow.
    pub fn new(activeflow: ActiveflowId, asker: &str, id: &str, control: &Control) -> ControlRequest {
        let activeflow = activeflow.to_string();
        let (name, target) = match control {
            Control::Forward { action_id } => (control.name(), action_id.as_str()),
            _ => (control.name(), ""),
        };
        ControlRequest {
            id: EventKey::of(&["control", &activeflow, asker, id]),
            content: EventKey::of(&["control", &activeflow, asker, id, name, target]),
            is_void: false,
        }
    }
}

/// Entry of a shard's feed of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// Opaque position. Later entries have greater positions.
    pub position: String,
    pub id: ActiveflowId,
    pub kind: FeedKind,
    pub at: Timestamp,
    /// The journal entry of a transition; empty for other kinds.
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
    const ALL: [FeedKind; 4] = [FeedKind::Created, FeedKind::Moved, FeedKind::Ended, FeedKind::Quarantined];

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
        FeedKind::ALL.into_iter().find(|kind| kind.name().as_bytes() == name)
    }

    /// The kind whose name begins with this letter.
    pub fn from_initial(letter: u8) -> Option<FeedKind> {
        FeedKind::ALL.into_iter().find(|kind| kind.name().as_bytes().first() == Some(&letter))
    }
}

#[async_trait]
pub trait Lookup: Send + Sync {
    async fn get(&self, id: ActiveflowId) -> Result<Option<ActiveflowSnapshot>, StoreError>;

    async fn list(&self, query: &ListQuery) -> Result<Vec<ActiveflowSnapshot>, StoreError>;

    /// Stores a control. Stop replaces pause, pause replaces the others, and among the others the last one wins.
    async fn control(&self, id: ActiveflowId, control: &Control) -> Result<Controlled, StoreError>;

    /// Stores a control as [`Lookup::control`] does, unless the same request was accepted before.
    async fn control_once(
        &self,
        id: ActiveflowId,
        control: &Control,
        request: &ControlRequest,
    ) -> Result<Controlled, StoreError>;

    /// Reads at most `max` entries behind `after`; from the oldest one if `after` is empty.
    async fn feed(&self, shard: Shard, after: &str, max: u32) -> Result<Vec<FeedEntry>, StoreError>;

    /// Removes entries up to and including `through`.
    async fn trim(&self, shard: Shard, through: &str) -> Result<(), StoreError>;
}
