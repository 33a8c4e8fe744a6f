//! Consumers of command queues: each delivery is acknowledged after it has been handled.

use super::broker::{AmqpError, Broker, CONNECT_TIMEOUT, Reconnect, close};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Consumer};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A queue, and what binds it.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Empty: the broker chooses a name.
    pub name: String,
    pub kind: QueueKind,
    pub exchange: String,
    /// Routing-key patterns.
    pub patterns: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueKind {
    /// Replicated, and kept until it is deleted.
    Quorum,
    /// Deleted by the broker after this time without a consumer.
    Expiring(Duration),
    /// Deleted with the connection.
    Exclusive,
}

/// Declares and binds a queue over a connection of its own.
///
/// # Errors
/// The broker cannot be reached or refuses.
pub async fn declare(broker: &Broker, queue: &Queue) -> Result<(), AmqpError> {
    let connection = broker.connect().await?;
    let channel = connection.create_channel().await?;
    declare_on(&channel, queue).await?;
    close(connection).await;
    Ok(())
}

async fn declare_on(channel: &Channel, queue: &Queue) -> lapin::Result<String> {
    let mut arguments = FieldTable::default();
    match queue.kind {
        QueueKind::Quorum => {
            arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        }
        QueueKind::Expiring(after) => {
            let ms = i32::try_from(after.as_millis()).unwrap_or(i32::MAX);
            arguments.insert("x-expires".into(), AMQPValue::LongInt(ms));
        }
        QueueKind::Exclusive => {}
    }
    let exclusive = queue.kind == QueueKind::Exclusive;
    let options = QueueDeclareOptions { durable: true, exclusive, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(queue.name.as_str().into(), options, arguments).await?;
    let name = declared.name().to_string();
    for pattern in &queue.patterns {
        let (options, exchange) = (QueueBindOptions::default(), queue.exchange.as_str());
        channel
            .queue_bind(
                name.as_str().into(),
                exchange.into(),
                pattern.as_str().into(),
                options,
                FieldTable::default(),
            )
            .await?;
    }
    Ok(name)
}

/// A consumer with its connection.
pub struct Subscription {
    connection: Connection,
    consumer: Consumer,
    /// Deliveries per acknowledgement.
    acked_together: usize,
}

impl Subscription {
    /// Declares and binds the queue and consumes it. `prefetch` deliveries may be unacknowledged; `acked_together` of
    /// them are acknowledged at once.
    ///
    /// # Errors
    /// The broker cannot be reached, refuses, or does not answer.
    pub async fn open(
        broker: &Broker,
        queue: &Queue,
        prefetch: u16,
        acked_together: usize,
    ) -> Result<Subscription, AmqpError> {
        let connection = broker.connect().await?;
        let subscribed = async {
            let channel = connection.create_channel().await?;
            let name = declare_on(&channel, queue).await?;
            consume(&channel, &name, prefetch).await
        };
        let consumer = timeout(CONNECT_TIMEOUT, subscribed).await.map_err(|_| AmqpError::NoAnswer)??;
        Ok(Subscription { connection, consumer, acked_together })
    }

    /// Hands over deliveries until the connection breaks.
    pub async fn read<F>(&mut self, on_delivery: &mut impl FnMut(&Delivery) -> F)
    where
        F: Future<Output = ()>,
    {
        let mut handled = 0_usize;
        while let Some(Ok(delivery)) = self.consumer.next().await {
            on_delivery(&delivery).await;
            handled += 1;
            let options = BasicAckOptions { multiple: self.acked_together > 1 };
            if handled.is_multiple_of(self.acked_together) && delivery.acker.ack(options).await.is_err() {
                return;
            }
        }
    }

    pub async fn close(self) {
        close(self.connection).await;
    }
}

async fn consume(channel: &Channel, queue: &str, prefetch: u16) -> lapin::Result<Consumer> {
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    channel
        .basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await
}

/// Consumes `queue` until `stop`, with a new connection after each break. Unacknowledged deliveries are redelivered.
pub async fn keep_consuming<F>(
    broker: Broker,
    queue: Queue,
    prefetch: u16,
    first: Option<Subscription>,
    stop: CancellationToken,
    mut on_delivery: impl FnMut(&Delivery) -> F + Send,
) where
    F: Future<Output = ()> + Send,
{
    let (mut opened, mut reconnect) = (first, Reconnect::default());
    loop {
        if opened.is_none() {
            opened = tokio::select! {
                () = stop.cancelled() => return,
                opened = Subscription::open(&broker, &queue, prefetch, 1) => match opened {
                    Ok(opened) => Some(opened),
                    Err(error) => {
                        tracing::warn!("consuming {} failed, trying again: {error}", queue.name);
                        None
                    }
                },
            };
        }
        if let Some(mut subscription) = opened.take() {
            reconnect.opened();
            tokio::select! {
                () = stop.cancelled() => {}
                () = subscription.read(&mut on_delivery) => {}
            }
            subscription.close().await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(reconnect.pause()) => {}
        }
    }
}
