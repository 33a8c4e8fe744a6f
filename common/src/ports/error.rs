//! What can go wrong with the world, and whether trying again can help.

use thiserror::Error;

/// Every operation of the store may be repeated with the same arguments: its answer is then that of the first time.
#[derive(Debug, Error)]
pub enum StoreError {
    /// No answer: it may have happened. Repeat with the same arguments.
    #[error("{operation}: no answer from the state store ({reason}); it may have happened")]
    Unanswered { operation: &'static str, reason: String },
    /// The store refused before it changed anything: out of memory, read only, loading. Repeat later.
    #[error("{operation}: the state store refused ({reason}); nothing was changed")]
    Refused { operation: &'static str, reason: String },
    /// A record was written by a newer version than this binary reads. Nothing was touched.
    #[error("{operation}: a record has format {found}, this binary reads up to {supported}: upgrade it")]
    TooNew { operation: &'static str, found: u8, supported: u8 },
    /// What is stored cannot be understood.
    #[error("{operation}: {what}")]
    Corrupt { operation: &'static str, what: String },
}

impl StoreError {
    /// Whether repeating the same call can succeed without a person's help.
    pub fn is_transient(&self) -> bool {
        matches!(self, StoreError::Unanswered { .. } | StoreError::Refused { .. })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BusError {
    /// The broker said no: the queue is full. Nothing is stored there; publish again.
    #[error("the broker refused the message (nack): a queue behind {to} is full")]
    Nacked { to: String },
    /// No confirm in time, or the connection was lost before it came: it may be stored. Publish again under the same id.
    #[error("no confirm for the message to {to} ({reason}); it may be stored")]
    Unconfirmed { to: String, reason: String },
}

/// The bus cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}: {reason}")]
pub struct Unusable {
    /// What was tried.
    pub what: String,
    pub reason: String,
}

/// A queue of commands cannot be read or acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QueueError {
    /// What was asked for cannot be; asking again gives the same.
    #[error("{what}: {reason}")]
    Refused { what: String, reason: String },
    #[error(transparent)]
    Unusable(#[from] Unusable),
}
