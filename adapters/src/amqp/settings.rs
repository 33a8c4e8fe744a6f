//! Connection and queue settings.

use std::time::Duration;

#[derive(Clone)]
pub struct Settings {
    /// AMQP URL, including the password.
    pub url: String,
    /// Maximum size of the event queue in bytes; a full queue refuses a publish (nack).
    pub events_max_bytes: u64,
    /// Maximum size of the queue of rejected events in bytes.
    pub rejected_max_bytes: u64,
    /// Maximum size of the queue of unrouted commands in bytes.
    pub unrouted_max_bytes: u64,
    /// Maximum unacknowledged deliveries of a consumer.
    pub prefetch: u16,
    /// Time limit for a message to be sent and confirmed; after it the outcome is unknown.
    pub confirm_timeout: Duration,
    /// Heartbeat in seconds; a connection without traffic for twice this time is closed.
    pub heartbeat: u16,
    /// Connection name that the broker shows, followed by the purpose of the connection.
    pub name: String,
}
