//! Readers of the ledger: its own command queue, and at the end the rejected and unrouted queues.

use super::run_log::{Received, RunLog};
use crate::carrier::gateway::{COMMANDS, bind, keep_consuming};
use crate::carrier::link::connect;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::types::AMQPValue;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

pub const QUEUE: &str = "ledger.commands";

/// A message that lay in the rejected or unrouted queue.
#[derive(Clone, Debug)]
pub struct Leftover {
    pub queue: String,
    pub message_id: String,
    /// All headers, for people.
    pub headers: String,
    pub body: Vec<u8>,
}

/// Binds the ledger's queue to every command and keeps the log until `stop`.
///
/// # Errors
/// The broker refuses the declaration.
pub async fn record_commands(url: &str, stop: CancellationToken) -> anyhow::Result<Arc<Mutex<RunLog>>> {
    bind(url, QUEUE, COMMANDS, &["#"]).await?;
    let log = Arc::new(Mutex::new(RunLog::default()));
    let mine = log.clone();
    let note = move |delivery: &Delivery| {
        mine.lock().unwrap_or_else(std::sync::PoisonError::into_inner).note(&received(delivery));
    };
    tokio::spawn(keep_consuming(url.to_owned(), QUEUE.to_owned(), stop, note));
    Ok(log)
}

fn received(delivery: &Delivery) -> Received {
    let p = &delivery.properties;
    let reference = p.headers().as_ref().and_then(|headers| headers.inner().get("reference")).map(text);
    Received {
        routing_key: delivery.routing_key.to_string(),
        message_id: p.message_id().as_ref().map(ToString::to_string),
        correlation_id: p.correlation_id().as_ref().map(ToString::to_string),
        content_type: p.content_type().as_ref().map(ToString::to_string),
        persistent: *p.delivery_mode() == Some(2),
        reference,
        body: delivery.data.clone(),
    }
}

fn text(value: &AMQPValue) -> String {
    match value {
        AMQPValue::LongString(text) => text.to_string(),
        AMQPValue::ShortString(text) => text.to_string(),
        other => format!("{other:?}"),
    }
}

/// Removes and returns all messages of `queue`.
///
/// # Errors
/// The broker refuses, or the queue does not exist.
pub async fn drain(url: &str, queue: &str) -> anyhow::Result<Vec<Leftover>> {
    let connection = connect(url).await?;
    let channel = connection.create_channel().await?;
    let mut left = Vec::new();
    while let Some(message) = channel.basic_get(queue.into(), BasicGetOptions::default()).await? {
        let delivery = message.delivery;
        let p = &delivery.properties;
        left.push(Leftover {
            queue: queue.to_owned(),
            message_id: p.message_id().as_ref().map(ToString::to_string).unwrap_or_default(),
            headers: p.headers().as_ref().map(|headers| format!("{headers:?}")).unwrap_or_default(),
            body: delivery.data.clone(),
        });
        delivery.acker.ack(BasicAckOptions::default()).await?;
    }
    connection.close(200, "bye".into()).await?;
    Ok(left)
}
