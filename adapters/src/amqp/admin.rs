//! What the command line does with a broker: one connection for each call, every publish confirmed.

use super::connection::{self, ConnectError};
use super::topology::{EVENTS, REJECTED};
use super::wire::{self, Publication, REFERENCE, REJECTION_PREFIX, TRACEPARENT};
use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const HEARTBEAT: u16 = 10;
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug, Error)]
pub enum AdminError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("{what} at RabbitMQ at {endpoint}: {reason}")]
    Failed { what: String, endpoint: String, reason: String },
    #[error("{what}: {reason}")]
    Invalid { what: &'static str, reason: String },
}

/// A message of the rejected queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Machine-readable; `delivery_limit` if the broker gave up delivering it.
    pub reason: String,
    pub message: String,
    pub body: Vec<u8>,
    /// As they came: `routing_key`, `reference`, `message_id`, `user_id`, `traceparent`.
    pub original: BTreeMap<String, String>,
}

/// Which messages of the rejected queue are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    All,
    MessageIds(BTreeSet<String>),
}

/// Publishes an event as a source would, and waits until the broker has stored it.
pub async fn send_event(
    url: &str,
    body: &[u8],
    routing_key: &str,
    message_id: &str,
    reference: &str,
) -> Result<(), AdminError> {
    let original = BTreeMap::from([
        ("routing_key".to_owned(), routing_key.to_owned()),
        ("message_id".to_owned(), message_id.to_owned()),
        ("reference".to_owned(), reference.to_owned()),
    ]);
    let event = event(&original, body.to_vec())?;
    let session = Session::open(url).await?;
    let sent = session.publish(event).await;
    session.close().await;
    sent
}

/// Up to `limit` rejected messages, oldest first. They stay where they are.
pub async fn rejected_list(url: &str, limit: usize) -> Result<Vec<Rejected>, AdminError> {
    let session = Session::open(url).await?;
    let listed = session.list(limit).await;
    session.close().await;
    listed
}

/// Publishes rejected messages as the events they were; each leaves the rejected queue after its confirm. An event
/// may come twice if this is interrupted, and is recognised then. Says how many were replayed.
pub async fn rejected_replay(url: &str, selection: &Selection) -> Result<usize, AdminError> {
    let session = Session::open(url).await?;
    let replayed = session.settle(selection, true).await;
    session.close().await;
    replayed
}

/// Removes rejected messages for good. Says how many.
pub async fn rejected_discard(url: &str, selection: &Selection) -> Result<usize, AdminError> {
    let session = Session::open(url).await?;
    let discarded = session.settle(selection, false).await;
    session.close().await;
    discarded
}

/// Logs in, and says which version the server has (over TLS: `unknown`).
pub async fn probe(url: &str) -> Result<String, AdminError> {
    Session::open(url).await?.close().await;
    let uri = connection::parse(url)?;
    if uri.scheme == lapin::uri::AMQPScheme::AMQPS {
        return Ok("unknown".into());
    }
    let greeting = timeout(LIMIT, greeting(&uri.authority.host, uri.authority.port)).await;
    Ok(greeting
        .ok()
        .and_then(Result::ok)
        .and_then(|bytes| version(&bytes))
        .unwrap_or_else(|| "unknown".into()))
}

struct Session {
    connection: Connection,
    channel: Channel,
    endpoint: String,
}

impl Session {
    async fn open(url: &str) -> Result<Session, AdminError> {
        let connection = connection::open(url, "signalbox admin", HEARTBEAT).await?;
        let endpoint = connection::endpoint(url);
        let failed = |e: lapin::Error| failure(&endpoint, "opening a channel", &e.to_string());
        let channel = connection.create_channel().await.map_err(failed)?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(failed)?;
        Ok(Session { connection, channel, endpoint })
    }

    async fn close(self) {
        connection::close(self.connection).await;
    }

    fn failed(&self, what: &str, reason: impl ToString) -> AdminError {
        failure(&self.endpoint, what, &reason.to_string())
    }

    async fn publish(&self, publication: Publication) -> Result<(), AdminError> {
        let Publication { exchange, routing_key, properties, body } = publication;
        let what = format!("publishing to {exchange} as {routing_key}");
        let confirmed = async {
            let options = BasicPublishOptions::default();
            self.channel.basic_publish(exchange, routing_key, options, &body, properties).await?.await
        };
        match timeout(LIMIT, confirmed).await {
            Ok(Ok(Confirmation::Ack(_))) => Ok(()),
            Ok(Ok(_)) => Err(self.failed(&what, "refused (nack): a queue behind it is full")),
            Ok(Err(e)) if e.to_string().contains("user_id") => Err(self.failed(
                &what,
                format!("{e}: the event belongs to another user; replay it as that user, or give yours the tag `impersonator`"),
            )),
            Ok(Err(e)) => Err(self.failed(&what, e)),
            Err(_) => Err(self.failed(&what, format!("no confirm within {} s; it may be stored", LIMIT.as_secs()))),
        }
    }

    /// What is got and not acknowledged returns to its queue when the session closes.
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
            queue.map_err(|e| self.failed("looking at queue signalbox.rejected", e))?.message_count();
        let mut settled = 0;
        // A replayed event may be rejected again at once: only what was there at the start is looked at.
        for _ in 0..present {
            let Some(message) = self.get().await? else { break };
            let acker = message.delivery.acker.clone();
            let entry = rejected(&message.delivery.properties, message.delivery.data);
            if !selection.has(&entry) {
                continue;
            }
            if replay {
                self.publish(event(&entry.original, entry.body)?).await?;
            }
            let acked = acker.ack(BasicAckOptions::default()).await;
            acked.map_err(|e| self.failed("removing from queue signalbox.rejected", e))?;
            settled += 1;
        }
        Ok(settled)
    }
}

impl Selection {
    fn has(&self, entry: &Rejected) -> bool {
        match self {
            Selection::All => true,
            Selection::MessageIds(ids) => entry.original.get("message_id").is_some_and(|id| ids.contains(id)),
        }
    }
}

fn failure(endpoint: &str, what: &str, reason: &str) -> AdminError {
    AdminError::Failed { what: what.into(), endpoint: endpoint.into(), reason: reason.into() }
}

fn event(original: &BTreeMap<String, String>, body: Vec<u8>) -> Result<Publication, AdminError> {
    let invalid = |reason| AdminError::Invalid { what: "an event cannot be published", reason };
    let mut headers = FieldTable::default();
    for name in [REFERENCE, TRACEPARENT] {
        if let Some(value) = original.get(name) {
            headers.insert(name.into(), wire::original(value));
        }
    }
    let mut properties = wire::persistent(headers);
    if let Some(id) = original.get("message_id") {
        properties = properties.with_message_id(wire::short("message_id", id).map_err(invalid)?);
    }
    if let Some(user) = original.get("user_id") {
        properties = properties.with_user_id(wire::short("user_id", user).map_err(invalid)?);
    }
    let key = original.get("routing_key").map_or("", String::as_str);
    let routing_key = wire::short("routing key", key).map_err(invalid)?;
    Ok(Publication { exchange: EVENTS.into(), routing_key, properties, body })
}

/// A message that Signalbox rejected explains itself; one that the broker gave up on is described by its `x-death`.
fn rejected(properties: &BasicProperties, body: Vec<u8>) -> Rejected {
    let mut original = BTreeMap::new();
    for (name, value) in properties.headers().iter().flat_map(FieldTable::inner) {
        if let (Some(name), Some(value)) = (name.as_str().strip_prefix(REJECTION_PREFIX), wire::text(value)) {
            original.insert(name.replace('-', "_"), value);
        }
    }
    let explained = original.remove("reason").zip(original.remove("message"));
    let (reason, message) = explained.unwrap_or_else(|| {
        original = as_it_came(properties);
        let reason = wire::header(properties, "x-first-death-reason").unwrap_or_else(|| "unknown".into());
        let message = "the broker moved it here itself: no consumer kept it".into();
        (reason, message)
    });
    Rejected { reason, message, body, original }
}

fn as_it_came(properties: &BasicProperties) -> BTreeMap<String, String> {
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

/// The first frame of a server (connection.start), which names its version and which lapin keeps to itself.
async fn greeting(host: &str, port: u16) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect((host, port)).await?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
    let mut header = [0_u8; 7];
    stream.read_exact(&mut header).await?;
    let size = u32::from_be_bytes([header[3], header[4], header[5], header[6]]).min(65_536);
    let mut frame = vec![0; size as usize];
    stream.read_exact(&mut frame).await?;
    Ok(frame)
}

/// The entry `version` of the server's properties: name, type S, length, text.
fn version(frame: &[u8]) -> Option<String> {
    const ENTRY: &[u8] = b"\x07versionS";
    let start = frame.windows(ENTRY.len()).position(|window| window == ENTRY)? + ENTRY.len();
    let length = u32::from_be_bytes(frame.get(start..start + 4)?.try_into().ok()?) as usize;
    String::from_utf8(frame.get(start + 4..start + 4 + length)?.to_vec()).ok()
}
