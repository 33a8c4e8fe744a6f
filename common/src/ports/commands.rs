//! Commands for gateways that do not speak AMQP: queues by name, read in order and acknowledged.

use super::error::{QueueError, Unusable};
use crate::command::Message;
use async_trait::async_trait;

/// A command in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Grows within one queue; what is acknowledged.
    pub position: u64,
    pub message: Message,
}

/// One life of a reader. When `next` answers `None` it is over, and everything unacknowledged comes again.
#[async_trait]
pub trait CommandReader: Send {
    /// Dropping the future loses nothing.
    async fn next(&mut self) -> Option<Queued>;
}

#[async_trait]
pub trait Commands: Send + Sync {
    /// Opens `queue`, made if it is not there, and binds it to `patterns` of command types as AMQP topics have them
    /// (`call.#`, `message.*`). Begins at the oldest command that is not acknowledged and lies behind `after`.
    /// A reader that was open on this queue ends.
    async fn open(
        &self,
        queue: &str,
        patterns: &[String],
        after: Option<u64>,
    ) -> Result<Box<dyn CommandReader>, QueueError>;

    /// Forgets every command of `queue` up to and including `through`; answers how many wait still.
    async fn ack(&self, queue: &str, through: u64) -> Result<u64, QueueError>;

    /// Removes `queue` and what waits in it; its reader ends. Answers how many commands that were; `None` if there is no
    /// such queue.
    async fn delete(&self, queue: &str) -> Result<Option<u64>, Unusable>;
}
