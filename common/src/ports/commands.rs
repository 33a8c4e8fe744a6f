//! Command queues for gateways that do not speak AMQP: named, read in order and acknowledged.

use super::error::{QueueError, Unusable};
use crate::command::Message;
use async_trait::async_trait;
use std::time::Duration;

/// A command in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedCommand {
    /// Grows within a queue; acknowledgements name it.
    pub position: u64,
    pub message: Message,
}

/// A queue as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandQueue {
    pub name: String,
    pub patterns: Vec<String>,
    /// Number of commands that are not acknowledged.
    pub commands: u64,
    pub bytes: u64,
    /// Maximum of `bytes`.
    pub limit: u64,
    /// Whether a reader is connected.
    pub is_read: bool,
    /// Time for which the oldest command waits to be acknowledged.
    pub stalled: Duration,
    pub condition: QueueCondition,
    /// Number of commands that other queues took while this one was set aside.
    pub missed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueCondition {
    /// It takes commands.
    Open,
    /// It refused its last command; activeflows wait for it.
    Full,
    /// It takes no commands until its reader has emptied half of it, and holds up nobody.
    SetAside,
}

impl QueueCondition {
    pub fn name(self) -> &'static str {
        match self {
            QueueCondition::Open => "open",
            QueueCondition::Full => "full",
            QueueCondition::SetAside => "set_aside",
        }
    }
}

/// One reader of a queue. When `next` returns `None` the reader has ended; the next reader gets everything unacknowledged.
#[async_trait]
pub trait CommandReader: Send {
    /// Waits for a command. Dropping the future loses nothing.
    async fn next(&mut self) -> Option<QueuedCommand>;
}

#[async_trait]
pub trait Commands: Send + Sync {
    /// Opens `queue`, creating it if necessary, and binds it to AMQP topic patterns of command types (`call.#`,
    /// `message.*`). Starts with the oldest unacknowledged command behind position `after`. Ends an earlier reader of the
    /// queue.
    async fn open(
        &self,
        queue: &str,
        patterns: &[String],
        after: Option<u64>,
    ) -> Result<Box<dyn CommandReader>, QueueError>;

    /// Removes every command of `queue` up to and including `through`. Returns the number of remaining commands.
    async fn ack(&self, queue: &str, through: u64) -> Result<u64, QueueError>;

    /// Deletes `queue` with its commands and ends its reader. Returns the number of deleted commands; `None` if there is no
    /// such queue.
    async fn delete(&self, queue: &str) -> Result<Option<u64>, Unusable>;

    /// Every queue, in the order of their creation.
    fn list(&self) -> Vec<CommandQueue>;
}
