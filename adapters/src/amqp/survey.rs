//! How full our queues are and who consumes them, asked once: each is declared passively, which needs no rights.

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
/// How soon a broker with an alarm says so to who publishes.
const ALARM: Duration = Duration::from_millis(500);
/// No queue has this name.
const NOWHERE: &str = "signalbox.survey.nowhere";

/// A queue as the broker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueFacts {
    pub name: &'static str,
    /// Ready to be delivered; not what a consumer holds.
    pub messages: u32,
    pub consumers: u32,
}

/// Those of our queues that exist.
///
/// # Errors
/// The broker cannot be reached or refuses.
pub async fn queues(url: &str) -> Result<Vec<QueueFacts>, AdminError> {
    let connection = connection::open(url, "signalbox survey", HEARTBEAT).await?;
    let mut facts = Vec::new();
    for name in [EVENTS, REJECTED, UNROUTED] {
        facts.extend(queue(&connection, name).await);
    }
    connection::close(connection).await;
    Ok(facts)
}

/// On a channel of its own: the broker closes it when there is no such queue.
async fn queue(connection: &Connection, name: &'static str) -> Option<QueueFacts> {
    let channel = connection.create_channel().await.ok()?;
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let queue = channel.queue_declare(name.into(), options, FieldTable::default()).await.ok()?;
    Some(QueueFacts { name, messages: queue.message_count(), consumers: queue.consumer_count() })
}

/// Why the broker takes nothing from publishers at the moment (its alarms of memory and disk); `None` when it does. It
/// says so only to who publishes: a message without a body that no queue takes.
///
/// # Errors
/// The broker cannot be reached or refuses.
pub async fn alarm(url: &str) -> Result<Option<String>, AdminError> {
    let connection = connection::open(url, "signalbox survey", HEARTBEAT).await?;
    let mut events = connection.events_listener();
    let published = async {
        let channel = connection.create_channel().await?;
        let options = BasicPublishOptions::default();
        channel.basic_publish("".into(), NOWHERE.into(), options, b"", BasicProperties::default()).await
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
                Some(Event::ConnectionBlocked(why)) => return Some(why.to_string()),
                Some(_) => {}
                None => return None,
            }
        }
    };
    let alarm = timeout(ALARM, blocked).await.ok().flatten();
    connection::close(connection).await;
    Ok(alarm)
}
