//! Accepted messages and their outcomes.

use crate::amqp::wire::Publication;
use common::ports::error::BusError;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

/// Messages of one call. The task takes all of them or none, and they have one deadline: when the connection ends or the
/// time is over, no message of a batch is left to overtake those before it.
pub(super) type Batch = Vec<Entry>;

/// A message that was accepted for publishing.
pub(super) struct Entry {
    pub publication: Publication,
    pub pending: Pending,
}

/// A caller that waits for the outcome of its message.
pub(super) struct Pending {
    /// Exchange and routing key, or queue, for errors.
    pub to: String,
    pub deadline: Instant,
    pub reply: oneshot::Sender<Result<(), BusError>>,
    /// Counts the message until it is settled.
    pub _permit: OwnedSemaphorePermit,
}

impl Pending {
    pub fn settle(self, outcome: Result<(), BusError>) {
        let result = match &outcome {
            Ok(()) => "confirmed",
            Err(BusError::Nacked { .. }) => "nacked",
            Err(BusError::Unconfirmed { .. }) => "unconfirmed",
        };
        metrics::counter!("signalbox_amqp_published_total", "result" => result).increment(1);
        let _ = self.reply.send(outcome);
    }

    pub fn fail(self, reason: &str) {
        let to = self.to.clone();
        self.settle(Err(BusError::Unconfirmed { to, reason: reason.into() }));
    }
}
