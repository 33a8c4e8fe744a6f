//! The senders' side: messages enter the queue of the publishing task.

use super::pending::{Batch, Entry, Pending};
use super::rejections;
use super::task::Task;
use crate::amqp::connection::Health;
use crate::amqp::settings::Settings;
use crate::amqp::wire::Publication;
use common::ports::bus::Confirm;
use common::ports::error::BusError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Maximum unsettled messages, sent or waiting.
const MAX_ACCEPTED: usize = 20_000;

/// Accepts messages for the publishing task.
pub(in crate::amqp) struct Publisher {
    inbox: mpsc::UnboundedSender<Batch>,
    permits: Arc<Semaphore>,
    confirm_timeout: Duration,
}

impl Publisher {
    /// The second value is the publishing task; it ends when `closing` is cancelled and all messages are settled.
    pub fn new(
        settings: Arc<Settings>,
        health: Arc<Health>,
        closing: CancellationToken,
    ) -> (Publisher, impl Future<Output = ()> + Send) {
        let (publisher, inbox) = Publisher::with_inbox(&settings);
        (publisher, Task::new(settings, health, closing, inbox).run())
    }

    /// Like [`Publisher::new`], for the rejected queue.
    pub fn for_rejections(
        settings: Arc<Settings>,
        closing: CancellationToken,
    ) -> (Publisher, impl Future<Output = ()> + Send) {
        let (publisher, inbox) = Publisher::with_inbox(&settings);
        (publisher, rejections::Task::new(settings, closing, inbox).run())
    }

    fn with_inbox(settings: &Settings) -> (Publisher, mpsc::UnboundedReceiver<Batch>) {
        let (sender, inbox) = mpsc::unbounded_channel();
        let publisher = Publisher {
            inbox: sender,
            permits: Arc::new(Semaphore::new(MAX_ACCEPTED)),
            confirm_timeout: settings.confirm_timeout,
        };
        (publisher, inbox)
    }

    /// Queues the message before it returns: messages are sent in the order of the calls.
    pub fn send(&self, publication: Result<Publication, String>) -> Confirm {
        match self.entry(publication, Instant::now() + self.confirm_timeout) {
            Ok((entry, confirm)) => {
                self.queue(vec![entry]);
                confirm
            }
            Err(refusal) => refusal,
        }
    }

    /// Queues the messages as one batch. The batch ends before the first message that cannot be queued.
    pub fn send_all(&self, publications: impl Iterator<Item = Result<Publication, String>>) -> Vec<Confirm> {
        let deadline = Instant::now() + self.confirm_timeout;
        let (mut batch, mut confirms, mut refused_one) = (Vec::new(), Vec::new(), false);
        for publication in publications {
            let publication = match refused_one {
                false => publication,
                true => Err("a message before it was refused; the message was not sent".into()),
            };
            confirms.push(match self.entry(publication, deadline) {
                Ok((entry, confirm)) => {
                    batch.push(entry);
                    confirm
                }
                Err(refusal) => {
                    refused_one = true;
                    refusal
                }
            });
        }
        self.queue(batch);
        confirms
    }

    /// # Errors
    /// The confirm of a message that is refused.
    fn entry(
        &self,
        publication: Result<Publication, String>,
        deadline: Instant,
    ) -> Result<(Entry, Confirm), Confirm> {
        let publication = publication.map_err(|reason| refused("the broker".into(), reason))?;
        let to = destination(&publication);
        let Ok(permit) = self.permits.clone().try_acquire_owned() else {
            let reason = format!("{MAX_ACCEPTED} messages are already waiting; the message was not sent");
            return Err(refused(to, reason));
        };
        let (reply, outcome) = oneshot::channel();
        let pending = Pending { to: to.clone(), deadline, reply, _permit: permit };
        let confirm = Box::pin(async move {
            outcome.await.unwrap_or_else(|_| {
                let reason = "the bus was closed; the message was not sent".into();
                Err(BusError::Unconfirmed { to, reason })
            })
        });
        Ok((Entry { publication, pending }, confirm))
    }

    fn queue(&self, batch: Batch) {
        // If the task has ended, this drops the entries with their reply senders.
        let _ = self.inbox.send(batch);
    }
}

fn refused(to: String, reason: String) -> Confirm {
    Box::pin(std::future::ready(Err(BusError::Unconfirmed { to, reason })))
}

fn destination(publication: &Publication) -> String {
    match publication.exchange.as_str() {
        "" => format!("queue {}", publication.routing_key),
        exchange => format!("{exchange} as {}", publication.routing_key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapin::BasicProperties;

    fn publication(key: &str) -> Result<Publication, String> {
        let properties = BasicProperties::default();
        Ok(Publication { exchange: "".into(), routing_key: key.into(), properties, body: Vec::new() })
    }

    fn publisher(permits: usize) -> (Publisher, mpsc::UnboundedReceiver<Batch>) {
        let (inbox, received) = mpsc::unbounded_channel();
        let permits = Arc::new(Semaphore::new(permits));
        (Publisher { inbox, permits, confirm_timeout: Duration::from_secs(1) }, received)
    }

    fn keys(batch: &Batch) -> Vec<&str> {
        batch.iter().map(|entry| entry.publication.routing_key.as_str()).collect()
    }

    /// A connection that ends between two messages of a batch would otherwise lose the first and send the second.
    #[tokio::test]
    async fn a_batch_enters_the_inbox_whole_with_one_deadline() {
        let (publisher, mut received) = publisher(10);
        let confirms = publisher.send_all(["a", "b", "c"].map(publication).into_iter());
        let batch = received.try_recv().unwrap();
        assert_eq!((confirms.len(), keys(&batch)), (3, vec!["a", "b", "c"]));
        assert!(batch.iter().all(|entry| entry.pending.deadline == batch[0].pending.deadline));
        assert!(received.try_recv().is_err());
    }

    #[tokio::test]
    async fn nothing_follows_a_message_that_is_refused() {
        let (publisher, mut received) = publisher(10);
        let batch = [publication("a"), Err("too long".into()), publication("c")];
        let mut confirms = publisher.send_all(batch.into_iter());
        assert_eq!(keys(&received.try_recv().unwrap()), ["a"]);
        let reason = format!("{:?}", confirms.pop().unwrap().await);
        assert!(reason.contains("a message before it was refused"), "{reason}");
        let reason = format!("{:?}", confirms.pop().unwrap().await);
        assert!(reason.contains("too long"), "{reason}");
    }

    #[tokio::test]
    async fn a_full_publisher_takes_the_front_of_a_batch() {
        let (publisher, mut received) = publisher(2);
        let confirms = publisher.send_all(["a", "b", "c"].map(publication).into_iter());
        assert_eq!((confirms.len(), keys(&received.try_recv().unwrap())), (3, vec!["a", "b"]));
    }
}
