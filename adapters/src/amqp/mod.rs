//! The bus on RabbitMQ.
//!
//! Two connections, so that a broker that blocks publishers does not stop the acknowledgements. Each is opened,
//! used and given up as one with its channel and what hangs on it; nothing is recovered in place. A life of a
//! connection is a *generation*; whatever was under way when it ended has an unknown outcome and is said to.
//!
//! ```text
//! Bus ── publish, announce, reject ──► publish.rs: one task, one channel, confirms ──► exchanges
//!     └─ consume ──► consume.rs: a life of a consumer ◄── queue signalbox.events
//!     queues.rs: how full our queues are
//! topology.rs: what must exist at the broker   rejects.rs: the rejected queue   admin.rs: what the command line does
//! wire.rs: headers
//! ```

pub mod admin;
mod bus;
mod connection;
mod consume;
mod publish;
mod queues;
mod rejects;
pub mod survey;
pub mod topology;
mod wire;

pub use bus::Bus;
pub use connection::{ConnectError, endpoint};
pub use rejects::Rejects;

use std::time::Duration;

#[derive(Clone)]
pub struct Settings {
    pub url: String,
    /// Byte limits of the queues; over it a publish is refused (nack).
    pub events_max_bytes: u64,
    pub rejected_max_bytes: u64,
    pub unrouted_max_bytes: u64,
    /// Unacknowledged deliveries that a consumer may hold.
    pub prefetch: u16,
    /// How long a message may wait for a connection and its confirm before its outcome is unknown.
    pub confirm_timeout: Duration,
    /// Seconds; a silent peer is given up after twice that.
    pub heartbeat: u16,
    /// What the broker shows as the connection's name.
    pub name: String,
}
