//! An activeflow in memory.

use crate::memory::tracked::BoundedLog;
use common::ports::work::Control;
use common::record::{Entry, Record};
use flow::Timestamp;
use std::collections::VecDeque;

/// An activeflow with its inbox, outbox, control and journal.
pub(crate) struct ActiveflowEntry {
    pub record: Record,
    /// The event that starts or started it. It never changes.
    pub trigger: Vec<u8>,
    pub inbox: VecDeque<Entry>,
    pub outbox: Vec<Vec<u8>>,
    pub control: Option<Control>,
    pub journal: BoundedLog<Vec<u8>>,
    /// Time of the current claim.
    pub claimed_at: Timestamp,
    /// Number of the activeflow in the shard, in the order of creation.
    pub number: u64,
    /// While ready: position in the order in which the shard's activeflows became ready.
    pub place: u64,
    /// While ready: whether it has never been claimed.
    pub fresh: bool,
    /// Bytes of the record and the journal when they were last written.
    pub bytes: u64,
}
