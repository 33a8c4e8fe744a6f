//! Event source and command gateway of the bench over RabbitMQ, on the AMQP client of the simulated carrier.

use super::run_log::RunLog;
use crate::failure::Failure;
use carrier::amqp::{
    AmqpError, Broker, COMMANDS, DirectPublisher, Message, PublishError, Queue, QueueKind, Subscription,
};
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;

/// Unacknowledged commands that the broker may deliver.
const PREFETCH: u16 = 2_000;
/// Commands per acknowledgement.
const ACKED_TOGETHER: usize = 128;

#[derive(Clone)]
pub struct Publisher(DirectPublisher);

impl Publisher {
    /// # Errors
    /// The broker cannot be used.
    pub async fn open(url: &str) -> Result<Publisher, Failure> {
        DirectPublisher::open(&broker(url)).await.map(Publisher).map_err(failed)
    }

    /// Returns after the broker has stored the event.
    ///
    /// # Errors
    /// The event is not stored.
    pub async fn publish(&self, kind: &str, reference: &str, body: Vec<u8>) -> Result<(), Failure> {
        let message = Message {
            routing_key: kind.to_owned(),
            message_id: reference.to_owned(),
            reference: reference.to_owned(),
            body,
        };
        self.0.publish(&message).await.map_err(|error| match error {
            PublishError::Nacked => Failure::failed(format!("{error}: use a smaller --events")),
            PublishError::Unknown => failed(error),
        })
    }
}

/// Consumes an exclusive queue, bound to `pattern`. It is durable, so that the broker writes commands to disk as for any
/// gateway.
///
/// # Errors
/// The broker cannot be used.
pub async fn consume(url: &str, pattern: &str, log: Arc<RunLog>) -> Result<AbortOnDropHandle<()>, Failure> {
    let queue = Queue {
        name: String::new(),
        kind: QueueKind::Exclusive,
        exchange: COMMANDS.to_owned(),
        patterns: vec![pattern.to_owned()],
    };
    let opened = Subscription::open(&broker(url), &queue, PREFETCH, ACKED_TOGETHER).await;
    let mut subscription = opened.map_err(|error: AmqpError| failed(error))?;
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        let record = |delivery: &carrier::amqp::Delivery| {
            if let Some(id) = delivery.properties.message_id() {
                log.command_received(id.as_str());
            }
            std::future::ready(())
        };
        subscription.read(&mut { record }).await;
    })))
}

fn broker(url: &str) -> Broker {
    Broker::new(url, "signalbox bench")
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("the broker (amqp.url): {error}"))
}
