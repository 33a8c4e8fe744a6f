//! A connection to the broker, and what the client needs to know of it.

use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};
use std::time::Duration;
use thiserror::Error;
use tokio::time::{Instant, timeout};

pub const EVENTS: &str = "signalbox.events";
pub const COMMANDS: &str = "signalbox.commands";

pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Shortest time of a connection after which the next one is opened at once.
const LASTING: Duration = Duration::from_secs(10);
const MIN_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

#[derive(Debug, Error)]
pub enum AmqpError {
    #[error(
        "the AMQP URL cannot be read: expected amqp://user:password@host:port/vhost (`/` as a vhost is %2f)"
    )]
    Url,
    #[error("connecting to RabbitMQ at {endpoint} as user `{user}`, vhost `{vhost}`: {reason}")]
    Connect { endpoint: String, user: String, vhost: String, reason: String },
    #[error("the broker did not answer within {} s", CONNECT_TIMEOUT.as_secs())]
    NoAnswer,
    #[error(transparent)]
    Broker(#[from] lapin::Error),
}

/// Address of the broker and properties of a connection.
#[derive(Clone, Debug)]
pub struct Broker {
    pub url: String,
    /// Connection name that the broker shows.
    pub name: String,
    /// Heartbeat interval in seconds; a silent peer is given up after twice that.
    pub heartbeat: u16,
}

impl Broker {
    pub fn new(url: &str, name: &str) -> Broker {
        Broker { url: url.to_owned(), name: name.to_owned(), heartbeat: 10 }
    }

    /// Opens a connection that does not recover by itself.
    ///
    /// # Errors
    /// The URL cannot be read, or the broker cannot be reached within 10 s.
    pub async fn connect(&self) -> Result<Connection, AmqpError> {
        let mut uri: AMQPUri = self.url.parse().map_err(|_| AmqpError::Url)?;
        uri.query.heartbeat = Some(self.heartbeat);
        let failed = |reason: String| AmqpError::Connect {
            endpoint: format!("{}:{}", uri.authority.host, uri.authority.port),
            user: uri.authority.userinfo.username.clone(),
            vhost: uri.vhost.clone(),
            reason,
        };
        let properties = ConnectionProperties::default().with_connection_name(self.name.as_str().into());
        match timeout(CONNECT_TIMEOUT, Connection::connect_uri(uri.clone(), properties)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
        }
    }

    /// Deletes a queue. A queue that does not exist is no error.
    ///
    /// # Errors
    /// The broker cannot be reached or refuses.
    pub async fn delete_queue(&self, queue: &str) -> Result<(), AmqpError> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        channel.queue_delete(queue.into(), lapin::options::QueueDeleteOptions::default()).await?;
        close(connection).await;
        Ok(())
    }
}

/// Random pauses before a broken connection is opened again, of up to 100 ms, 200 ms and so on up to 5 s.
#[derive(Default)]
pub(super) struct Reconnect {
    failures: u32,
    /// Since when the current connection is open.
    opened: Option<Instant>,
}

impl Reconnect {
    pub fn opened(&mut self) {
        self.opened = Some(Instant::now());
    }

    /// The next pause. A connection that lasted resets them.
    pub fn pause(&mut self) -> Duration {
        if self.opened.take().is_some_and(|opened| opened.elapsed() > LASTING) {
            self.failures = 0;
        }
        let limit = MIN_BACKOFF.saturating_mul(1 << self.failures.min(6)).min(MAX_BACKOFF);
        self.failures += 1;
        limit.mul_f64(0.1 + 0.9 * fastrand::f64())
    }
}

/// Closes politely if the broker answers, and in any case soon.
pub(super) async fn close(connection: Connection) {
    let _ = timeout(CLOSE_TIMEOUT, connection.close(200, "OK".into())).await;
}
