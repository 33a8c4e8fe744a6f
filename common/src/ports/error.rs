//! Errors of store and bus, and whether a retry can help.

use thiserror::Error;

/// Failure of a store operation. Every operation may be repeated with the same arguments; it then has the same answer.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// No answer: the operation may have happened. Repeat it with the same arguments.
    #[error("{operation}: no answer from the state store ({reason}); it may have happened")]
    Unanswered { operation: &'static str, reason: String },
    /// The store refused before it changed anything: out of memory, read only, loading. Repeat the operation later.
    #[error("{operation}: the state store refused ({reason}); nothing was changed")]
    Refused { operation: &'static str, reason: String },
    /// The store has no room for another activeflow. Nothing was changed. Repeat the operation later.
    #[error("{operation}: the state store is full ({reason}); nothing was changed")]
    Full { operation: &'static str, reason: String },
    /// A record has a newer format than this binary reads. Nothing was changed.
    #[error("{operation}: a record has format {found}, this binary reads up to {supported}: upgrade it")]
    TooNew { operation: &'static str, found: u8, supported: u8 },
    /// A stored record or an answer cannot be read.
    #[error("{operation}: {what}")]
    Corrupt { operation: &'static str, what: String },
}

impl StoreError {
    /// Whether repeating the same call can succeed without intervention.
    pub fn is_transient(&self) -> bool {
        matches!(self, StoreError::Unanswered { .. } | StoreError::Refused { .. } | StoreError::Full { .. })
    }

    /// The same failure of another operation, which was part of the same call.
    #[must_use]
    pub fn of(mut self, name: &'static str) -> StoreError {
        match &mut self {
            StoreError::Unanswered { operation, .. }
            | StoreError::Refused { operation, .. }
            | StoreError::Full { operation, .. }
            | StoreError::TooNew { operation, .. }
            | StoreError::Corrupt { operation, .. } => *operation = name,
        }
        self
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BusError {
    /// The broker refused: the queue is full. Nothing was stored; publish again.
    #[error("the broker refused the message (nack): a queue behind {to} is full")]
    Nacked { to: String },
    /// No confirm in time, or the connection was lost: the message may be stored. Publish it again under the same id.
    #[error("no confirm for the message to {to} ({reason}); it may be stored")]
    Unconfirmed { to: String, reason: String },
}

/// The bus cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}: {reason}")]
pub struct Unusable {
    /// The operation that failed.
    pub what: String,
    pub reason: String,
}

/// A queue of commands cannot be read or acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QueueError {
    /// The request is invalid; repeating it has the same result.
    #[error("{what}: {reason}")]
    Refused { what: String, reason: String },
    #[error(transparent)]
    Unusable(#[from] Unusable),
}
