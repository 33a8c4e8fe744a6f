//! Broker calls of the command line. Each call opens a connection; every publish is confirmed.

use super::connection::{self, ConnectError};
use super::topology::EVENTS;
use super::wire::{self, Publication, REFERENCE, TRACEPARENT};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Confirmation, Connection};
use std::collections::BTreeMap;
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const HEARTBEAT: u16 = 10;
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Error)]
pub enum AdminError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("{what} at RabbitMQ at {endpoint}: {reason}")]
    Failed { what: String, endpoint: String, reason: String },
    #[error("{what}: {reason}")]
    Invalid { what: &'static str, reason: String },
}

impl AdminError {
    /// Whether the broker is away for now, if this is the error of a [`probe`]: after the login it refuses nothing there.
    pub fn is_away(&self) -> bool {
        match self {
            AdminError::Connect(error) => error.is_away(),
            AdminError::Failed { .. } => true,
            AdminError::Invalid { .. } => false,
        }
    }
}

/// Publishes an event like an event source, and waits for the publisher confirm.
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
    let session = AdminSession::open(url).await?;
    let sent = session.publish(event).await;
    session.close().await;
    sent
}

/// Logs in, and returns the version of the server (`unknown` over TLS).
pub async fn probe(url: &str) -> Result<String, AdminError> {
    AdminSession::open(url).await?.close().await;
    let uri = connection::parse(url)?;
    if uri.scheme == lapin::uri::AMQPScheme::AMQPS {
        return Ok("unknown".into());
    }
    let greeting = timeout(TIMEOUT, greeting(&uri.authority.host, uri.authority.port)).await;
    Ok(greeting
        .ok()
        .and_then(Result::ok)
        .and_then(|bytes| version(&bytes))
        .unwrap_or_else(|| "unknown".into()))
}

pub(super) struct AdminSession {
    connection: Connection,
    pub(super) channel: Channel,
    endpoint: String,
}

impl AdminSession {
    pub(super) async fn open(url: &str) -> Result<AdminSession, AdminError> {
        let connection = connection::open(url, "signalbox admin", HEARTBEAT).await?;
        let endpoint = connection::endpoint(url);
        let opened = async {
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok(channel)
        };
        let channel = answer(&endpoint, "opening a channel", opened).await?;
        Ok(AdminSession { connection, channel, endpoint })
    }

    pub(super) async fn close(self) {
        connection::close(self.connection).await;
    }

    pub(super) fn failed(&self, what: &str, reason: impl ToString) -> AdminError {
        failure(&self.endpoint, what, &reason.to_string())
    }

    /// Waits for an answer of the broker, within the time limit.
    pub(super) async fn answer<T>(
        &self,
        what: &str,
        call: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, AdminError> {
        answer(&self.endpoint, what, call).await
    }

    /// One message at a time: lapin hands a returned message to the confirm that resolves next.
    pub(super) async fn publish(&self, publication: Publication) -> Result<(), AdminError> {
        let Publication { exchange, routing_key, properties, body } = publication;
        let what = format!("publishing to {exchange} as {routing_key}");
        let confirmed = async {
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            self.channel.basic_publish(exchange, routing_key, options, &body, properties).await?.await
        };
        match timeout(TIMEOUT, confirmed).await {
            Ok(Ok(Confirmation::Ack(None))) => Ok(()),
            Ok(Ok(Confirmation::Ack(Some(_)))) => {
                Err(self.failed(&what, "no queue takes it; `signalbox migrate` declares what is missing"))
            }
            Ok(Ok(_)) => Err(self.failed(&what, "refused (nack): a bound queue is full")),
            Ok(Err(e)) if e.to_string().contains("user_id") => Err(self.failed(
                &what,
                format!("{e}: the event was published by another user; replay it as that user, or give your user the tag `impersonator`"),
            )),
            Ok(Err(e)) => Err(self.failed(&what, e)),
            Err(_) => Err(self.failed(&what, format!("no confirm within {} s; the message may have been stored", TIMEOUT.as_secs()))),
        }
    }
}

async fn answer<T>(
    endpoint: &str,
    what: &str,
    call: impl Future<Output = lapin::Result<T>>,
) -> Result<T, AdminError> {
    match timeout(TIMEOUT, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(e)) => Err(failure(endpoint, what, &e.to_string())),
        Err(_) => Err(failure(endpoint, what, &format!("no answer within {} s", TIMEOUT.as_secs()))),
    }
}

fn failure(endpoint: &str, what: &str, reason: &str) -> AdminError {
    AdminError::Failed { what: what.into(), endpoint: endpoint.into(), reason: reason.into() }
}

pub(super) fn event(original: &BTreeMap<String, String>, body: Vec<u8>) -> Result<Publication, AdminError> {
    let invalid = |reason| AdminError::Invalid { what: "publishing an event", reason };
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

/// First frame of the server (`connection.start`). It contains the version, which lapin does not expose.
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

/// Value of `version` in the server properties: name, type `S`, length, text.
fn version(frame: &[u8]) -> Option<String> {
    const ENTRY: &[u8] = b"\x07versionS";
    let start = frame.windows(ENTRY.len()).position(|window| window == ENTRY)? + ENTRY.len();
    let length = u32::from_be_bytes(frame.get(start..start + 4)?.try_into().ok()?) as usize;
    String::from_utf8(frame.get(start + 4..start + 4 + length)?.to_vec()).ok()
}
