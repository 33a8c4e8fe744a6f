//! The queue of rejected events. Each call opens a connection; every publish is confirmed, and every answer has a time
//! limit.

use super::admin::{self, AdminError, AdminSession};
use super::topology::REJECTED;
use super::wire::{self, REFERENCE, REJECTION_PREFIX, TRACEPARENT};
use async_trait::async_trait;
use common::ports;
use common::ports::error::Unusable;
use common::ports::rejects::{MAX_LISTED_BODY, MAX_LISTED_BYTES, Rejected, Selection, derived_id};
use lapin::BasicProperties;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Time limit of a whole call. What it has settled by then stays settled.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest wait for messages that go back to the queue, and the time between two looks at it.
const GIVE_BACK: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(10);

/// Original properties of an event. Other headers, which anybody may set, are left out.
const ORIGINAL: [&str; 5] = ["reference", "traceparent", "message_id", "user_id", "routing_key"];
/// Maximum bytes of a text of an entry; the dispatcher's own are shorter.
const MAX_TEXT: usize = 4_096;

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
    /// Number of messages that can be got.
    async fn present(&self) -> Result<u32, AdminError> {
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = self.channel.queue_declare(REJECTED.into(), options, FieldTable::default());
        Ok(self.answer("inspecting queue signalbox.rejected", queue).await?.message_count())
    }

    /// Returns `kept` messages to the queue, and waits until they are there, so that the next call finds them: a quorum queue
    /// takes them back some time after the session is closed.
    async fn give_back(&self, kept: u32) -> Result<(), AdminError> {
        if kept == 0 {
            return Ok(());
        }
        let all = BasicNackOptions { multiple: true, requeue: true };
        self.answer("returning messages to queue signalbox.rejected", self.channel.basic_nack(0, all))
            .await?;
        let started = Instant::now();
        while self.present().await? < kept && started.elapsed() < GIVE_BACK {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Gets a message. Unacknowledged messages return to the queue when the session closes.
    async fn get(&self) -> Result<Option<BasicGetMessage>, AdminError> {
        let got = self.channel.basic_get(REJECTED.into(), BasicGetOptions { no_ack: false });
        self.answer("reading queue signalbox.rejected", got).await
    }

    async fn list(&self, limit: usize) -> Result<Vec<Rejected>, AdminError> {
        let started = Instant::now();
        let (mut listed, mut bytes) = (Vec::new(), 0);
        while listed.len() < limit && bytes < MAX_LISTED_BYTES && started.elapsed() < CALL_TIMEOUT {
            let Some(message) = self.get().await? else { break };
            let entry = rejected(&message.delivery.properties, message.delivery.data).abridged();
            bytes += entry.size.min(MAX_LISTED_BODY);
            listed.push(entry);
        }
        self.give_back(listed.len() as u32).await?;
        Ok(listed)
    }

    async fn settle(&self, selection: &Selection, replay: bool) -> Result<usize, AdminError> {
        const REMOVING: &str = "removing from queue signalbox.rejected";
        let started = Instant::now();
        let present = self.present().await?;
        let (mut settled, mut kept) = (0, 0);
        // A replayed event may be rejected again at once, so this stops after the messages that were present at the start.
        for done in 0..present {
            if started.elapsed() >= CALL_TIMEOUT {
                let limit = CALL_TIMEOUT.as_secs();
                let reason =
                    format!("{settled} of the {done} messages read within {limit} s are settled: repeat it");
                return Err(self.failed(REMOVING, reason));
            }
            let Some(message) = self.get().await? else { break };
            let acker = message.delivery.acker.clone();
            let entry = rejected(&message.delivery.properties, message.delivery.data);
            if !selection.has(&entry) {
                kept += 1;
                continue;
            }
            if replay {
                self.publish(admin::event(&entry.original, entry.body)?).await?;
            }
            self.answer(REMOVING, acker.ack(BasicAckOptions::default())).await?;
            settled += 1;
        }
        self.give_back(kept).await?;
        Ok(settled)
    }
}

/// Reads the reason from Signalbox's headers; if the broker dead-lettered the message itself, from `x-death`.
fn rejected(properties: &BasicProperties, body: Vec<u8>) -> Rejected {
    let of = |name: &str| wire::header(properties, &format!("{REJECTION_PREFIX}{}", name.replace('_', "-")));
    let (reason, message, original) = match of("reason").zip(of("message")) {
        Some((reason, message)) => (reason, message, named(ORIGINAL.map(|name| (name, of(name))))),
        None => {
            let reason = wire::header(properties, "x-first-death-reason").unwrap_or_else(|| "unknown".into());
            let message = "the broker dead-lettered it: no consumer acknowledged it".to_owned();
            (reason, message, original_properties(properties))
        }
    };
    // Only the dispatcher gives an id; two equal messages that the broker dead-lettered share one.
    let id = of("id").unwrap_or_else(|| derived_id(&reason, &common::json::to_text(&original), &body));
    let [id, reason, message] = [id, reason, message].map(|text| wire::truncated(text, MAX_TEXT));
    Rejected { id, reason, message, size: body.len(), body, original }
}

fn original_properties(properties: &BasicProperties) -> BTreeMap<String, String> {
    named([
        ("reference", wire::header(properties, REFERENCE)),
        ("traceparent", wire::header(properties, TRACEPARENT)),
        ("message_id", properties.message_id().as_ref().map(wire::readable)),
        ("user_id", properties.user_id().as_ref().map(wire::readable)),
        ("routing_key", first_routing_key(properties)),
    ])
}

fn named(entries: [(&str, Option<String>); ORIGINAL.len()]) -> BTreeMap<String, String> {
    let bounded = |text| wire::truncated(text, MAX_TEXT);
    entries.into_iter().filter_map(|(name, value)| Some((name.to_owned(), bounded(value?)))).collect()
}

fn first_routing_key(properties: &BasicProperties) -> Option<String> {
    let AMQPValue::FieldArray(deaths) = properties.headers().as_ref()?.inner().get("x-death")? else {
        return None;
    };
    let AMQPValue::FieldTable(death) = deaths.as_slice().first()? else { return None };
    let AMQPValue::FieldArray(keys) = death.inner().get("routing-keys")? else { return None };
    wire::text(keys.as_slice().first()?)
}
