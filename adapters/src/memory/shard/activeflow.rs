//! An activeflow in memory.

use crate::memory::tracked::BoundedLog;
use common::ports::work::Control;
use common::record::{Entry, Record};
use flow::Timestamp;
use std::collections::VecDeque;

/// An activeflow with what waits for it.
pub(crate) struct ActiveflowEntry {
    pub record: Record,
    pub inbox: VecDeque<Entry>,
    pub outbox: Vec<Vec<u8>>,
    pub control: Option<Control>,
    pub journal: BoundedLog<Vec<u8>>,
    /// When the standing claim was made.
    pub claimed_at: Timestamp,
    /// Counts those that were started in the shard.
    pub number: u64,
    /// While it is ready: its place in the order in which the shard's were made ready.
    pub place: u64,
    /// While it is ready: it was not claimed yet.
    pub fresh: bool,
}
