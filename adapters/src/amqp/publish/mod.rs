//! The publishing side: one task owns a connection and its channel, so messages leave in the order in which
//! [`Publisher::send`] was called, and about a thousand confirms may be open at once.
//!
//! ```text
//!          connected                    a confirm is late, the channel or connection fails
//! opening ───────────► serving ───────────────────────────────────────────────────────────► opening
//!    │ what waits expires   └ the broker blocks: nothing leaves, what waits expires
//! ```
//!
//! When a generation ends, everything that was accepted and is not settled is `Unconfirmed`, also what had not left
//! yet: otherwise it would overtake what its sender is about to repeat.

mod task;

use super::Settings;
use super::connection::Health;
use super::wire::Publication;
use common::ports::bus::Confirm;
use common::ports::error::BusError;
use std::sync::Arc;
use std::time::Duration;
use task::Task;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Messages that may be accepted and not settled, window included.
const MAX_ACCEPTED: usize = 20_000;

/// The senders' end.
pub(super) struct Publisher {
    inbox: mpsc::UnboundedSender<Entry>,
    room: Arc<Semaphore>,
    limit: Duration,
}

struct Entry {
    publication: Publication,
    pending: Pending,
}

/// Somebody who waits to hear.
struct Pending {
    to: String,
    deadline: Instant,
    reply: oneshot::Sender<Result<(), BusError>>,
    _room: OwnedSemaphorePermit,
}

impl Publisher {
    /// The second value is the task; it ends after `closing` was cancelled and what was accepted is settled.
    pub fn new(
        settings: Arc<Settings>,
        health: Arc<Health>,
        closing: CancellationToken,
    ) -> (Publisher, impl Future<Output = ()> + Send) {
        let (sender, inbox) = mpsc::unbounded_channel();
        let publisher = Publisher {
            inbox: sender,
            room: Arc::new(Semaphore::new(MAX_ACCEPTED)),
            limit: settings.confirm_timeout,
        };
        (publisher, Task::new(settings, health, closing, inbox).run())
    }

    /// Takes its place in the order before it returns.
    pub fn send(&self, publication: Result<Publication, String>) -> Confirm {
        let publication = match publication {
            Ok(publication) => publication,
            Err(reason) => return refused("the broker".into(), reason),
        };
        let to = destination(&publication);
        let Ok(room) = self.room.clone().try_acquire_owned() else {
            return refused(to, format!("{MAX_ACCEPTED} messages wait already; it was not sent"));
        };
        let (reply, outcome) = oneshot::channel();
        let pending = Pending { to: to.clone(), deadline: Instant::now() + self.limit, reply, _room: room };
        // A task that has ended drops the entry, and with it the reply.
        let _ = self.inbox.send(Entry { publication, pending });
        Box::pin(async move {
            outcome.await.unwrap_or_else(|_| {
                Err(BusError::Unconfirmed { to, reason: "the bus was closed; it was not sent".into() })
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

impl Pending {
    fn settle(self, outcome: Result<(), BusError>) {
        let result = match &outcome {
            Ok(()) => "confirmed",
            Err(BusError::Nacked { .. }) => "nacked",
            Err(BusError::Unconfirmed { .. }) => "unconfirmed",
        };
        metrics::counter!("signalbox_amqp_published_total", "result" => result).increment(1);
        let _ = self.reply.send(outcome);
    }

    fn give_up(self, reason: &str) {
        let to = self.to.clone();
        self.settle(Err(BusError::Unconfirmed { to, reason: reason.into() }));
    }
}
