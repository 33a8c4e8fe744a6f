//! The senders' side: messages enter the queue of the publishing task.

use super::pending::{Entry, Pending};
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
    inbox: mpsc::UnboundedSender<Entry>,
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
        let (sender, inbox) = mpsc::unbounded_channel();
        let publisher = Publisher {
            inbox: sender,
            permits: Arc::new(Semaphore::new(MAX_ACCEPTED)),
            confirm_timeout: settings.confirm_timeout,
        };
        (publisher, Task::new(settings, health, closing, inbox).run())
    }

    /// Queues the message before it returns: messages are sent in the order of the calls.
    pub fn send(&self, publication: Result<Publication, String>) -> Confirm {
        let publication = match publication {
            Ok(publication) => publication,
            Err(reason) => return refused("the broker".into(), reason),
        };
        let to = destination(&publication);
        let Ok(permit) = self.permits.clone().try_acquire_owned() else {
            return refused(
                to,
                format!("{MAX_ACCEPTED} messages are already waiting; the message was not sent"),
            );
        };
        let (reply, outcome) = oneshot::channel();
        let deadline = Instant::now() + self.confirm_timeout;
        let pending = Pending { to: to.clone(), deadline, reply, _permit: permit };
        // If the task has ended, this drops the entry with its reply sender.
        let _ = self.inbox.send(Entry { publication, pending });
        Box::pin(async move {
            outcome.await.unwrap_or_else(|_| {
                Err(BusError::Unconfirmed {
                    to,
                    reason: "the bus was closed; the message was not sent".into(),
                })
            })
        })
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
