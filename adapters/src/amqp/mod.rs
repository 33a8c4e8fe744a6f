//! The bus on RabbitMQ.
//!
//! Publishing and consuming use separate connections, so a broker that blocks publishers does not stop acknowledgements.
//! A connection is opened and closed together with its channel; nothing is recovered in place. If a connection ends,
//! the outcome of every unconfirmed message is unknown and is reported as such.
//!
//! ```text
//! Bus ── publish, announce, reject ──► publish: one task, one channel, publisher confirms ──► exchanges
//!     └─ consume ──► consume.rs: session of a consumer ◄── queue signalbox.events
//!     queue_metrics.rs: gauges of queue depths
//! topology: queues, exchanges and bindings      rejects.rs: the queue of rejected events    wire.rs: properties, headers
//! stream/: repairs what the broker sends, for all connections     admin.rs, inspect.rs: calls of the command line
//! ```

pub mod admin;
mod bus;
mod connection;
mod consume;
pub mod inspect;
mod publish;
mod queue_metrics;
mod rejects;
mod settings;
mod stream;
pub mod topology;
mod wire;

pub use bus::Bus;
pub use connection::{ConnectError, endpoint};
pub use rejects::Rejects;
pub use settings::Settings;
