//! The queue of rejected events. Each call opens a connection; every publish is confirmed.

use super::admin::{self, AdminError, AdminSession};
use super::topology::REJECTED;
use super::wire::{self, REFERENCE, REJECTION_PREFIX, TRACEPARENT};
use async_trait::async_trait;
use common::ports;
use common::ports::error::Unusable;
use common::ports::rejects::{Rejected, Selection};
use lapin::BasicProperties;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use std::collections::BTreeMap;

/// Access to rejected events. Needs read permission on `signalbox.rejected` and, to replay, write permission on
/// `signalbox.events`.
#[derive(Clone)]
pub struct Rejects {
    pub url: String,
}

#[async_trait]
impl ports::Rejects for Rejects {
    async fn list(&self, limit: usize) -> Result<Vec<Rejected>, Unusable> {
        let unusable = |error| unusable("listing rejected events", error);
        let session = AdminSession::open(&self.url).await.map_err(unusable)?;
        let listed = session.list(limit).await;
        session.close().await;
        listed.map_err(unusable)
    }

    /// An event leaves the queue of rejected events after its publish is confirmed. If this is interrupted, an event may
    /// be published twice; the dispatcher detects the duplicate.
    async fn replay(&self, selection: &Selection) -> Result<usize, Unusable> {
        self.settle(selection, true).await.map_err(|error| unusable("replaying rejected events", error))
    }

    async fn discard(&self, selection: &Selection) -> Result<usize, Unusable> {
        self.settle(selection, false).await.map_err(|error| unusable("discarding rejected events", error))
    }
}

impl Rejects {
    async fn settle(&self, selection: &Selection, replay: bool) -> Result<usize, AdminError> {
        let session = AdminSession::open(&self.url).await?;
        let settled = session.settle(selection, replay).await;
        session.close().await;
        settled
    }
}

fn unusable(what: &str, error: AdminError) -> Unusable {
    Unusable { what: what.to_owned(), reason: error.to_string() }
}

impl AdminSession {
    /// Gets a message. Unacknowledged messages return to the queue when the session closes.
    async fn get(&self) -> Result<Option<BasicGetMessage>, AdminError> {
        let got = self.channel.basic_get(REJECTED.into(), BasicGetOptions { no_ack: false }).await;
        got.map_err(|e| self.failed("reading queue signalbox.rejected", e))
    }

    async fn list(&self, limit: usize) -> Result<Vec<Rejected>, AdminError> {
        let mut listed = Vec::new();
        while listed.len() < limit {
            let Some(message) = self.get().await? else { break };
            listed.push(rejected(&message.delivery.properties, message.delivery.data));
        }
        Ok(listed)
    }

    async fn settle(&self, selection: &Selection, replay: bool) -> Result<usize, AdminError> {
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = self.channel.queue_declare(REJECTED.into(), options, FieldTable::default()).await;
        let present =
            queue.map_err(|e| self.failed("inspecting queue signalbox.rejected", e))?.message_count();
        let mut settled = 0;
        // A replayed event may be rejected again at once, so this stops after the messages that were present at the start.
        for _ in 0..present {
            let Some(message) = self.get().await? else { break };
            let acker = message.delivery.acker.clone();
            let entry = rejected(&message.delivery.properties, message.delivery.data);
            if !selection.has(&entry) {
                continue;
            }
            if replay {
                self.publish(admin::event(&entry.original, entry.body)?).await?;
            }
            let acked = acker.ack(BasicAckOptions::default()).await;
            acked.map_err(|e| self.failed("removing from queue signalbox.rejected", e))?;
            settled += 1;
        }
        Ok(settled)
    }
}

/// Reads the reason from Signalbox's headers; if the broker dead-lettered the message itself, from `x-death`.
fn rejected(properties: &BasicProperties, body: Vec<u8>) -> Rejected {
    let mut original = BTreeMap::new();
    for (name, value) in properties.headers().iter().flat_map(FieldTable::inner) {
        if let (Some(name), Some(value)) = (name.as_str().strip_prefix(REJECTION_PREFIX), wire::text(value)) {
            original.insert(name.replace('-', "_"), value);
        }
    }
    let explained = original.remove("reason").zip(original.remove("message"));
    let (reason, message) = explained.unwrap_or_else(|| {
        original = original_properties(properties);
        let reason = wire::header(properties, "x-first-death-reason").unwrap_or_else(|| "unknown".into());
        let message = "the broker dead-lettered it: no consumer acknowledged it".into();
        (reason, message)
    });
    Rejected { reason, message, body, original }
}

fn original_properties(properties: &BasicProperties) -> BTreeMap<String, String> {
    let entries = [
        ("reference", wire::header(properties, REFERENCE)),
        ("traceparent", wire::header(properties, TRACEPARENT)),
        ("message_id", properties.message_id().as_ref().map(ToString::to_string)),
        ("user_id", properties.user_id().as_ref().map(ToString::to_string)),
        ("routing_key", first_routing_key(properties)),
    ];
    entries.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn first_routing_key(properties: &BasicProperties) -> Option<String> {
    let AMQPValue::FieldArray(deaths) = properties.headers().as_ref()?.inner().get("x-death")? else {
        return None;
    };
    let AMQPValue::FieldTable(death) = deaths.as_slice().first()? else { return None };
    let AMQPValue::FieldArray(keys) = death.inner().get("routing-keys")? else { return None };
    wire::text(keys.as_slice().first()?)
}
