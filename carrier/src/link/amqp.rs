//! A link over the broker: every publish is confirmed, and commands come from a queue of the carrier's own.

use super::{Attempt, Link, OpenLink, WINDOW};
use crate::amqp::{
    AmqpError, Broker, COMMANDS, Message, Publish, Publisher, Queue, QueueKind, Subscription, keep_consuming,
};
use crate::wire::Event;
use async_trait::async_trait;
use lapin::message::Delivery;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The broker deletes a command queue without a consumer after this time.
const EXPIRES: Duration = Duration::from_secs(600);
const PREFETCH: u16 = WINDOW as u16;

struct Amqp {
    broker: Broker,
    publisher: Publisher,
    queue: String,
    closing: CancellationToken,
    tasks: TaskTracker,
}

/// Opens a link. `queue` is bound to every command when this returns; `confirm_timeout` limits each publish.
///
/// # Errors
/// The broker cannot be reached, or refuses the queue.
pub async fn open(broker: Broker, queue: &str, confirm_timeout: Duration) -> Result<OpenLink, AmqpError> {
    let commands_queue = Queue {
        name: queue.to_owned(),
        kind: QueueKind::Expiring(EXPIRES),
        exchange: COMMANDS.to_owned(),
        patterns: vec!["#".to_owned()],
    };
    let first = Subscription::open(&broker, &commands_queue, PREFETCH, 1).await?;
    let publisher = Publisher::open(broker.clone(), confirm_timeout);
    let (sender, commands) = mpsc::channel(WINDOW);
    let (closing, tasks) = (CancellationToken::new(), TaskTracker::new());
    let hand_over = move |delivery: &Delivery| {
        let (sender, body) = (sender.clone(), delivery.data.clone());
        async move {
            // The gateway ends after the link.
            let _ = sender.send(body).await;
        }
    };
    let stop = closing.clone();
    tasks.spawn(keep_consuming(broker.clone(), commands_queue, PREFETCH, Some(first), stop, hand_over));
    let link = Arc::new(Amqp { broker, publisher, queue: queue.to_owned(), closing, tasks });
    Ok(OpenLink { link, commands })
}

#[async_trait]
impl Link for Amqp {
    async fn send(&self, event: &Event) -> Attempt {
        let message = Message {
            routing_key: event.kind.to_owned(),
            message_id: event.id.clone(),
            reference: event.subject.clone(),
            body: event.body.clone().into_bytes(),
        };
        match self.publisher.publish(message, Publish::Once).await {
            Ok(()) => Attempt::Stored { activeflow: None },
            Err(error) => Attempt::Again(error.to_string()),
        }
    }

    async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Err(error) = self.broker.delete_queue(&self.queue).await {
            tracing::warn!("the command queue {} was not removed: {error}", self.queue);
        }
    }
}
