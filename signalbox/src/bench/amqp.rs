//! A carrier and a gateway on RabbitMQ, as lean as they can be: what they cost is measured with the engine.

use super::book::Book;
use crate::failure::Failure;
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;

const EVENTS: &str = "signalbox.events";
const COMMANDS: &str = "signalbox.commands";
const PERSISTENT: u8 = 2;
/// Commands that the broker hands over before the first is acknowledged …
const PREFETCH: u16 = 2_000;
/// … and so many at once.
const ACKED: usize = 128;

#[derive(Clone)]
pub struct Publisher {
    channel: Channel,
    _connection: Arc<Connection>,
}

impl Publisher {
    /// # Errors
    /// The broker cannot be used.
    pub async fn open(url: &str) -> Result<Publisher, Failure> {
        let connection = connect(url).await?;
        let channel = connection.create_channel().await.map_err(failed)?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(failed)?;
        Ok(Publisher { channel, _connection: Arc::new(connection) })
    }

    /// Returns when the broker has stored it.
    ///
    /// # Errors
    /// It is not stored.
    pub async fn publish(&self, kind: &str, reference: &str, body: Vec<u8>) -> Result<(), Failure> {
        let mut headers = FieldTable::default();
        headers.insert("reference".into(), AMQPValue::LongString(reference.into()));
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_message_id(reference.into())
            .with_content_type("application/cloudevents+json".into())
            .with_headers(headers);
        let options = BasicPublishOptions::default();
        let sent = self.channel.basic_publish(EVENTS.into(), kind.into(), options, &body, properties).await;
        match sent.map_err(failed)?.await.map_err(failed)? {
            Confirmation::Ack(_) => Ok(()),
            _ => Err(Failure::failed(
                "the event queue is full (amqp.events_max_bytes): use a smaller --events",
            )),
        }
    }
}

/// Consumes a queue of its own, which goes with it, bound to `pattern`.
///
/// # Errors
/// The broker cannot be used.
pub async fn consume(url: &str, pattern: &str, book: Arc<Book>) -> Result<AbortOnDropHandle<()>, Failure> {
    let connection = connect(url).await?;
    let consumer = subscribe(&connection, pattern).await.map_err(failed)?;
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        let _connection = connection;
        take(consumer, book).await;
    })))
}

/// Durable, so that commands are written to the disk as for any gateway.
async fn subscribe(connection: &Connection, pattern: &str) -> lapin::Result<Consumer> {
    let channel = connection.create_channel().await?;
    let options = QueueDeclareOptions { durable: true, exclusive: true, ..Default::default() };
    let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?.name().clone();
    let bind = QueueBindOptions::default();
    channel.queue_bind(queue.clone(), COMMANDS.into(), pattern.into(), bind, FieldTable::default()).await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    channel.basic_consume(queue, "".into(), BasicConsumeOptions::default(), FieldTable::default()).await
}

async fn take(mut consumer: Consumer, book: Arc<Book>) {
    let mut taken = 0_usize;
    while let Some(Ok(delivery)) = consumer.next().await {
        if let Some(id) = delivery.properties.message_id() {
            book.commanded(id.as_str());
        }
        taken += 1;
        if taken.is_multiple_of(ACKED)
            && delivery.acker.ack(BasicAckOptions { multiple: true }).await.is_err()
        {
            return;
        }
    }
}

async fn connect(url: &str) -> Result<Connection, Failure> {
    let properties = ConnectionProperties::default().with_connection_name("signalbox bench".into());
    Connection::connect(url, properties).await.map_err(failed)
}

fn failed(error: lapin::Error) -> Failure {
    Failure::failed(format!("the broker (amqp.url): {error}"))
}
