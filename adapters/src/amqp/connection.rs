//! Broker connections, opened and closed within time limits. lapin's recovery is off: after a failure the owner opens a
//! new connection.

use super::settings::Settings;
use super::stream;
use lapin::protocol::{AMQPErrorKind, AMQPHardError};
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties, ErrorKind};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;
use thiserror::Error;
use tokio::time::timeout;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
const MIN_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConnectError {
    #[error(
        "the AMQP URL is not valid: expected amqp://user:password@host:port/vhost (write the vhost `/` as %2f)"
    )]
    Url,
    #[error("connecting to RabbitMQ at {endpoint} as user `{user}`, vhost `{vhost}`: {reason}")]
    Failed { endpoint: String, user: String, vhost: String, reason: String, is_away: bool },
}

impl ConnectError {
    /// Whether the broker is away for now. Any other error lasts until somebody changes a setting.
    pub fn is_away(&self) -> bool {
        matches!(self, ConnectError::Failed { is_away: true, .. })
    }
}

/// `host:port` of a broker's URL, for messages. Never contains the password.
pub fn endpoint(url: &str) -> String {
    parse(url).map_or_else(|_| "(invalid URL)".into(), |uri| endpoint_of(&uri))
}

pub(super) fn parse(url: &str) -> Result<AMQPUri, ConnectError> {
    url.parse().map_err(|_| ConnectError::Url)
}

pub(super) fn endpoint_of(uri: &AMQPUri) -> String {
    format!("{}:{}", uri.authority.host, uri.authority.port)
}

pub(super) async fn open(url: &str, name: &str, heartbeat: u16) -> Result<Connection, ConnectError> {
    let mut uri = parse(url)?;
    // lapin's default is the broker's 60 s.
    uri.query.heartbeat = Some(heartbeat);
    let failed = |reason: String, is_away: bool| ConnectError::Failed {
        endpoint: endpoint_of(&uri),
        user: uri.authority.userinfo.username.clone(),
        vhost: uri.vhost.clone(),
        reason,
        is_away,
    };
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    match timeout(CONNECT_TIMEOUT, stream::connect(uri.clone(), properties)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(e)) => Err(failed(e.to_string(), is_away(&e))),
        Err(_) => Err(failed(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()), true)),
    }
}

pub(super) async fn open_for(settings: &Settings, purpose: &str) -> Result<Connection, ConnectError> {
    open(&settings.url, &format!("{} {purpose}", settings.name), settings.heartbeat).await
}

/// Whether the broker is away for now: it does not answer, or it is starting or stopping. It refuses a wrong password, vhost
/// or permission with other errors, and a certificate that is not trusted is invalid data.
pub(super) fn is_away(error: &lapin::Error) -> bool {
    use AMQPHardError::{CONNECTIONFORCED, INTERNALERROR, RESOURCEERROR};
    match error.kind() {
        ErrorKind::IOError(error) => error.kind() != std::io::ErrorKind::InvalidData,
        ErrorKind::ProtocolError(error) => {
            matches!(error.kind(), AMQPErrorKind::Hard(CONNECTIONFORCED | INTERNALERROR | RESOURCEERROR))
        }
        ErrorKind::MissingHeartbeatError
        | ErrorKind::InvalidConnectionState(_)
        | ErrorKind::InvalidChannelState(..) => true,
        _ => false,
    }
}

/// Closes the connection, within a time limit.
pub(super) async fn close(connection: Connection) {
    let _ = timeout(CLOSE_TIMEOUT, connection.close(200, "OK".into())).await;
}

/// Exponential backoff with jitter, so that replicas do not reconnect at the same time.
#[derive(Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    pub fn next(&mut self) -> Duration {
        let limit = MIN_BACKOFF.saturating_mul(1 << self.attempts.min(10)).min(MAX_BACKOFF);
        self.attempts = self.attempts.saturating_add(1);
        let share = (RandomState::new().build_hasher().finish() >> 11) as f64 / (1u64 << 53) as f64;
        limit.mul_f64(share).max(MIN_BACKOFF / 10)
    }
}

/// Connection state, for readiness and metrics.
#[derive(Default)]
pub(super) struct Health {
    publishing: AtomicBool,
    consuming: AtomicU8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Consuming {
    /// No consumer is wanted.
    Idle = 0,
    /// A consumer is wanted and not connected.
    Waiting = 1,
    Up = 2,
}

impl Health {
    pub fn set_publishing(&self, up: bool) {
        self.publishing.store(up, Ordering::Relaxed);
        metrics::gauge!("signalbox_amqp_connection_up", "connection" => "publish")
            .set(f64::from(u8::from(up)));
        // A new connection is not blocked until the broker reports it.
        self.set_blocked(false);
    }

    pub fn set_consuming(&self, state: Consuming) {
        self.consuming.store(state as u8, Ordering::Relaxed);
        let up = u8::from(state == Consuming::Up);
        metrics::gauge!("signalbox_amqp_connection_up", "connection" => "consume").set(f64::from(up));
    }

    pub fn set_blocked(&self, blocked: bool) {
        metrics::gauge!("signalbox_amqp_blocked").set(f64::from(u8::from(blocked)));
    }

    pub fn is_up(&self) -> bool {
        self.publishing.load(Ordering::Relaxed)
            && self.consuming.load(Ordering::Relaxed) != Consuming::Waiting as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_never_shows_the_password() {
        assert_eq!(endpoint("amqp://someone:secret@broker.example:5673/%2f"), "broker.example:5673");
        let Err(error) = parse("mailto:secret") else { panic!("not an AMQP URL") };
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn pauses_stay_within_their_limit() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..40).map(|_| backoff.next()).collect();
        assert!(pauses[0] <= MIN_BACKOFF);
        assert!(pauses.iter().all(|p| *p <= MAX_BACKOFF && *p >= MIN_BACKOFF / 10));
    }
}
