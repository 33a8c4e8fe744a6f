//! Commands for gateways without AMQP: one life of a reader of one queue.

use super::queues::{Definition, UNROUTED};
use super::recorded::Recorded;
use super::{Bus, Inner};
use async_trait::async_trait;
use common::ports::commands::{CommandReader, Commands, Queued};
use common::ports::error::{QueueError, Unusable};
use std::sync::Arc;
use tokio::sync::watch::Receiver;

/// Each queue keeps a copy of what it takes, in memory and on the disk.
const MAX_QUEUES: usize = 100;
const MAX_BYTES: usize = 255;

pub(super) struct Reader {
    inner: Arc<Inner>,
    changed: Receiver<()>,
    queue: String,
    number: u64,
    /// The last position that was handed out.
    after: u64,
    recorded: Recorded,
}

enum Next {
    Command(Queued),
    /// There is one, which may not be on the disk: the last position of the queue.
    Unrecorded(u64),
    Nothing,
    Over,
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
        check(queue, patterns).map_err(refused)?;
        let changed = self.inner.changed.subscribe();
        let definition = Definition { name: queue.to_owned(), patterns: patterns.to_vec() };
        let (opened, written) = self.inner.change(|state, changes| {
            if state.queues.get(queue).is_none() && state.queues.all().count() == MAX_QUEUES {
                return None;
            }
            Some((state.queues.open(definition, changes), state.queues.last_position()))
        });
        self.inner.settled(&what, written).await?;
        let (number, last) = opened.ok_or_else(|| {
            refused(format!(
                "there are {MAX_QUEUES} queues, the most there may be: delete one that nobody reads"
            ))
        })?;
        // A position that never was is one of another data folder.
        let after = after.filter(|after| *after <= last).unwrap_or(0);
        let (inner, queue) = (self.inner.clone(), queue.to_owned());
        Ok(Box::new(Reader { inner, changed, queue, number, after, recorded: Recorded::default() }))
    }

    async fn ack(&self, queue: &str, through: u64) -> Result<u64, QueueError> {
        let what = format!("acknowledging in queue `{queue}` through {through}");
        let (outcome, written) = self.inner.change(|state, changes| {
            let last = state.queues.last_position();
            if through > last {
                return Err(format!("there is no such position yet, the last one is {last}"));
            }
            let waiting = state.queues.ack(queue, through, changes);
            waiting.ok_or_else(|| "there is no such queue: open it first".to_owned())
        });
        self.inner.settled(&what, written).await?;
        outcome.map(|waiting| waiting as u64).map_err(|reason| QueueError::Refused { what, reason })
    }

    async fn delete(&self, queue: &str) -> Result<Option<u64>, Unusable> {
        let (deleted, written) = self.inner.change(|state, changes| state.queues.delete(queue, changes));
        self.inner.settled(&format!("deleting queue `{queue}`"), written).await?;
        Ok(deleted.map(|commands| commands as u64))
    }
}

#[async_trait]
impl CommandReader for Reader {
    async fn next(&mut self) -> Option<Queued> {
        loop {
            self.changed.mark_unchanged();
            match self.look() {
                Next::Command(queued) => {
                    self.after = queued.position;
                    return Some(queued);
                }
                Next::Unrecorded(last) => self.recorded.extend(&self.inner.disk, last).await,
                // The sender is in `inner`.
                Next::Nothing => self.changed.changed().await.ok()?,
                Next::Over => return None,
            }
        }
    }
}

impl Reader {
    /// A command is handed out only when it is on the disk: its position could be another's after a crash.
    fn look(&self) -> Next {
        let state = self.inner.state();
        let Some(queue) = state.queues.get(&self.queue).filter(|queue| queue.reader == self.number) else {
            return Next::Over;
        };
        match (queue.waiting.after(self.after), queue.waiting.last()) {
            (Some(entry), Some(last)) if entry.position > self.recorded.through() => Next::Unrecorded(last),
            (Some(entry), _) => {
                Next::Command(Queued { position: entry.position, message: entry.item.clone() })
            }
            (None, _) => Next::Nothing,
        }
    }
}

fn check(queue: &str, patterns: &[String]) -> Result<(), String> {
    let names = [("its name", queue)].into_iter();
    for (what, text) in names.chain(patterns.iter().map(|pattern| ("a pattern", pattern.as_str()))) {
        let length = text.len();
        if length == 0 || length > MAX_BYTES || text.chars().any(char::is_control) {
            return Err(format!(
                "{what} of {length} bytes: expected 1 to {MAX_BYTES} bytes without control characters"
            ));
        }
    }
    if queue == UNROUTED || queue == super::EVENTS || queue == super::REJECTED {
        return Err("this queue is Signalbox's own: choose another name".into());
    }
    Ok(())
}
