//! Commands for gateways without AMQP: a reader session of one command queue.

use super::bus::Bus;
use super::durable_position::DurablePosition;
use super::names::{EVENTS, REJECTED, UNROUTED};
use super::queue::Definition;
use super::shared::Inner;
use async_trait::async_trait;
use common::ports::commands::{CommandQueue, CommandReader, Commands, QueuedCommand};
use common::ports::error::{QueueError, Unusable};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch::Receiver;

/// Maximum number of command queues: each has its own copies of commands, in memory and on disk.
const MAX_QUEUES: usize = 100;
/// Maximum bytes of a queue name or a pattern.
const MAX_NAME_BYTES: usize = 255;

pub(super) struct Reader {
    inner: Arc<Inner>,
    changed: Receiver<()>,
    queue: String,
    number: u64,
    /// Position of the last command that this reader returned.
    after: u64,
    durable: DurablePosition,
}

enum Next {
    Command(QueuedCommand),
    /// The next command may not be on disk yet; contains the last position of the queue.
    NotDurable(u64),
    Nothing,
    Ended,
}

#[async_trait]
impl Commands for Bus {
    async fn open(
        &self,
        queue: &str,
        patterns: &[String],
        after: Option<u64>,
    ) -> Result<Box<dyn CommandReader>, QueueError> {
        let what = format!("opening queue `{queue}`");
        let refused = |reason| QueueError::Refused { what: what.clone(), reason };
        check_names(queue, patterns).map_err(refused)?;
        let changed = self.inner.changed.subscribe();
        let definition = Definition { name: queue.to_owned(), patterns: patterns.to_vec() };
        let (opened, written) = self.inner.change(|state, changes| {
            if state.queues.get(queue).is_none() && state.queues.all().count() == MAX_QUEUES {
                return None;
            }
            Some((state.queues.open(definition, Instant::now(), changes), state.queues.last_position()))
        });
        self.inner.wait_durable(&what, written).await?;
        let (number, last) = opened.ok_or_else(|| {
            refused(format!("the maximum of {MAX_QUEUES} queues is reached: list the queues with `signalbox queue list`, and remove one that nobody reads"))
        })?;
        // A position past the last one belongs to another data folder: start from the beginning.
        let after = after.filter(|after| *after <= last).unwrap_or(0);
        let (inner, queue) = (self.inner.clone(), queue.to_owned());
        Ok(Box::new(Reader { inner, changed, queue, number, after, durable: DurablePosition::default() }))
    }

    async fn ack(&self, queue: &str, through: u64) -> Result<u64, QueueError> {
        let what = format!("acknowledging in queue `{queue}` through {through}");
        let (outcome, written) = self.inner.change(|state, changes| {
            let last = state.queues.last_position();
            if through > last {
                return Err(format!("no such position: the last one is {last}"));
            }
            let waiting = state.queues.ack(queue, through, Instant::now(), changes);
            waiting.ok_or_else(|| "the queue does not exist: open it first".to_owned())
        });
        self.inner.wait_durable(&what, written).await?;
        outcome.map(|waiting| waiting as u64).map_err(|reason| QueueError::Refused { what, reason })
    }

    async fn delete(&self, queue: &str) -> Result<Option<u64>, Unusable> {
        let (deleted, written) = self.inner.change(|state, changes| state.queues.delete(queue, changes));
        self.inner.wait_durable(&format!("deleting queue `{queue}`"), written).await?;
        Ok(deleted.map(|commands| commands as u64))
    }

    fn list(&self) -> Vec<CommandQueue> {
        self.inner.state().queues.list(Instant::now())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.inner.state().queues.close(self.number);
    }
}

#[async_trait]
impl CommandReader for Reader {
    async fn next(&mut self) -> Option<QueuedCommand> {
        loop {
            self.changed.mark_unchanged();
            match self.find_next() {
                Next::Command(queued) => {
                    self.after = queued.position;
                    return Some(queued);
                }
                Next::NotDurable(last) => self.durable.extend(&self.inner.disk, last).await,
                // `inner` owns the sender, so this cannot fail.
                Next::Nothing => self.changed.changed().await.ok()?,
                Next::Ended => return None,
            }
        }
    }
}

impl Reader {
    /// Returns a command only when it is on disk: after a crash, another command could get its position.
    fn find_next(&self) -> Next {
        let state = self.inner.state();
        let Some(queue) = state.queues.get(&self.queue).filter(|queue| queue.reader == self.number) else {
            return Next::Ended;
        };
        match (queue.waiting.after(self.after), queue.waiting.last()) {
            (Some(entry), Some(last)) if entry.position > self.durable.through() => Next::NotDurable(last),
            (Some(entry), _) => {
                Next::Command(QueuedCommand { position: entry.position, message: entry.item.clone() })
            }
            (None, _) => Next::Nothing,
        }
    }
}

fn check_names(queue: &str, patterns: &[String]) -> Result<(), String> {
    let names = [("the name", queue)].into_iter();
    for (what, text) in names.chain(patterns.iter().map(|pattern| ("a pattern", pattern.as_str()))) {
        let length = text.len();
        if length == 0 || length > MAX_NAME_BYTES || text.chars().any(char::is_control) {
            return Err(format!(
                "{what} of {length} bytes: expected 1 to {MAX_NAME_BYTES} bytes without control characters"
            ));
        }
    }
    if queue == UNROUTED || queue == EVENTS || queue == REJECTED {
        return Err("the name is reserved for Signalbox: choose another name".into());
    }
    Ok(())
}
