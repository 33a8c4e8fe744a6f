//! Consuming: each session has its own connection and channel, which open and close together.

use super::connection::{self, Consuming, Health};
use super::settings::Settings;
use super::topology::EVENTS;
use super::wire;
use async_trait::async_trait;
use common::ports::bus::{Deliveries, Delivery};
use futures_util::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(super) struct Session {
    consumer: Consumer,
    /// Highest tag to acknowledge; dropping the sender closes the connection. `None` after the session has ended.
    acknowledged: Option<watch::Sender<u64>>,
    /// Last delivery tag. The broker numbers the deliveries of a channel 1, 2, 3 …
    delivered: u64,
    health: Arc<Health>,
    closing: CancellationToken,
}

impl Session {
    pub async fn begin(
        settings: &Settings,
        health: Arc<Health>,
        closing: CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<Session, String> {
        let connection = connection::open_for(settings, "consume").await.map_err(|e| e.to_string())?;
        let (channel, consumer) =
            match timeout(settings.confirm_timeout, subscribe(&connection, settings)).await {
                Ok(subscribed) => subscribed.map_err(|e| format!("consuming {EVENTS}: {e}"))?,
                Err(_) => {
                    let limit = settings.confirm_timeout.as_millis();
                    return Err(format!("consuming {EVENTS}: no answer within {limit} ms"));
                }
            };
        let (acknowledged, tags) = watch::channel(0);
        tasks.spawn(acknowledge(tags, channel, connection, closing.clone()));
        health.set_consuming(Consuming::Up);
        Ok(Session { consumer, acknowledged: Some(acknowledged), delivered: 0, health, closing })
    }

    fn end(&mut self, reason: &str) {
        self.acknowledged = None;
        if self.closing.is_cancelled() {
            self.health.set_consuming(Consuming::Idle);
        } else {
            self.health.set_consuming(Consuming::Waiting);
            tracing::warn!("the consumer of {EVENTS} ended: {reason}");
        }
    }
}

#[async_trait]
impl Deliveries for Session {
    async fn next(&mut self) -> Option<Delivery> {
        self.acknowledged.as_ref()?;
        let item = tokio::select! {
            biased;
            () = self.closing.cancelled() => None,
            item = self.consumer.next() => item,
        };
        match item {
            Some(Ok(raw)) if raw.delivery_tag == self.delivered + 1 => {
                self.delivered = raw.delivery_tag;
                return Some(wire::delivery(raw));
            }
            Some(Ok(raw)) => {
                self.end(&format!("the broker sent delivery {} after {}", raw.delivery_tag, self.delivered));
            }
            Some(Err(e)) => self.end(&e.to_string()),
            None => self.end("cancelled"),
        }
        None
    }

    fn ack_through(&self, tag: u64) {
        // The broker closes a channel that acknowledges an unknown tag.
        let tag = tag.min(self.delivered);
        if let Some(acknowledged) = &self.acknowledged {
            acknowledged.send_if_modified(|last| {
                let grows = tag > *last;
                *last = tag.max(*last);
                grows
            });
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.acknowledged.is_some() {
            self.health.set_consuming(Consuming::Idle);
        }
    }
}

/// Sets the prefetch limit before consuming: lapin buffers deliveries without a limit.
async fn subscribe(connection: &Connection, settings: &Settings) -> lapin::Result<(Channel, Consumer)> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(settings.prefetch.max(1), BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(EVENTS.into(), "".into(), options, FieldTable::default()).await?;
    Ok((channel, consumer))
}

/// Sends acknowledgements; tags that arrive during a send are combined into the next one. Owns the connection, so the
/// last acknowledgement is sent before it closes.
async fn acknowledge(
    mut tags: watch::Receiver<u64>,
    channel: Channel,
    connection: Connection,
    closing: CancellationToken,
) {
    let mut last = 0;
    loop {
        let open = tokio::select! {
            biased;
            changed = tags.changed() => changed.is_ok(),
            () = closing.cancelled() => false,
        };
        let tag = *tags.borrow_and_update();
        if tag > last {
            last = tag;
            if let Err(e) = channel.basic_ack(tag, BasicAckOptions { multiple: true }).await {
                tracing::debug!(
                    "acknowledging through {tag}: {e}; unacknowledged events will be redelivered"
                );
                break;
            }
        }
        if !open {
            break;
        }
    }
    connection::close(connection).await;
}
