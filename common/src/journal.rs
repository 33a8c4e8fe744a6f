//! Entries of an activeflow's journal.

use flow::Timestamp;
use flow::step::Note;
use serde::{Deserialize, Serialize};

/// The notes of one transition, with the version that the transition produced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub version: u64,
    pub at: Timestamp,
    pub notes: Vec<Note>,
}
