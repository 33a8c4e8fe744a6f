//! One journal entry: what one transition did.

use flow::Note;
use flow::Timestamp;
use serde::{Deserialize, Serialize};

/// The notes of one transition, under the version that it made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub version: u64,
    pub at: Timestamp,
    pub notes: Vec<Note>,
}
