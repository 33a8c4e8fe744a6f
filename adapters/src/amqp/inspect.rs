//! One-time queries of queue depths, consumers and alarms. A passive declare reads a queue and needs no permissions.

use super::admin::AdminError;
use super::connection;
use super::topology::{EVENTS, REJECTED, UNROUTED};
use futures_util::StreamExt;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, Event};
use std::time::Duration;
use tokio::time::timeout;

const HEARTBEAT: u16 = 10;
/// Time limit for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for the broker to report an alarm after a publish.
const ALARM_TIMEOUT: Duration = Duration::from_millis(500);
/// Routing key without a queue.
const NO_QUEUE: &str = "signalbox.inspect.no-queue";

/// Status of a queue as the broker reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStatus {
    pub name: &'static str,
    /// Ready messages, without unacknowledged ones.
    pub messages: u32,
    pub consumers: u32,
}

/// Status of Signalbox's queues; queues that do not exist are left out.
///
/// # Errors
/// The broker cannot be reached or refuses the connection.
pub async fn queues(url: &str) -> Result<Vec<QueueStatus>, AdminError> {
    let connection = connection::open(url, "signalbox inspect", HEARTBEAT).await?;
    let mut facts = Vec::new();
    for name in [EVENTS, REJECTED, UNROUTED] {
        facts.extend(queue(&connection, name).await);
    }
    connection::close(connection).await;
    Ok(facts)
}

/// Uses a separate channel: the broker closes it if the queue does not exist.
async fn queue(connection: &Connection, name: &'static str) -> Option<QueueStatus> {
    let declared = async {
        let channel = connection.create_channel().await?;
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        channel.queue_declare(name.into(), options, FieldTable::default()).await
    };
    let queue = timeout(TIMEOUT, declared).await.ok()?.ok()?;
    Some(QueueStatus { name, messages: queue.message_count(), consumers: queue.consumer_count() })
}

/// Reason why the broker blocks publishers (a memory or disk alarm); `None` if it does not. The broker reports this only
/// to connections that publish, so this publishes an empty message that matches no queue.
///
/// # Errors
/// The broker cannot be reached or refuses the connection or the message.
pub async fn alarm(url: &str) -> Result<Option<String>, AdminError> {
    let connection = connection::open(url, "signalbox inspect", HEARTBEAT).await?;
    let mut events = connection.events_listener();
    let published = async {
        let channel = connection.create_channel().await?;
        let options = BasicPublishOptions::default();
        channel.basic_publish("".into(), NO_QUEUE.into(), options, b"", BasicProperties::default()).await
    };
    let failed = |error: lapin::Error| AdminError::Failed {
        what: "publishing".into(),
        endpoint: connection::endpoint(url),
        reason: error.to_string(),
    };
    published.await.map_err(failed)?;
    let blocked = async {
        loop {
            match events.next().await {
                Some(Event::ConnectionBlocked(reason)) => return Some(reason.to_string()),
                Some(_) => {}
                None => return None,
            }
        }
    };
    let alarm = timeout(ALARM_TIMEOUT, blocked).await.ok().flatten();
    connection::close(connection).await;
    Ok(alarm)
}
