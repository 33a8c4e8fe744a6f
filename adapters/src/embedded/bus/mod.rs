//! The bus without a broker: its queues are in memory, and each message is a record in the data folder.
//!
//! It does for the roles what RabbitMQ does: it stores events until they are acknowledged, commands until gateways have
//! acknowledged them, and rejected events until they are replayed or discarded. Every result waits until the changes
//! behind it are on disk, like a publisher confirm. `docs/decisions/0010` lists the differences from RabbitMQ.
//!
//! ```text
//! offer ────► events.rs: signalbox.events ────────► consume.rs: session of the consumer
//! publish ──► queues.rs, queue.rs: command queues ► reader.rs: session of a reader, for gateways
//!                └ signalbox.unrouted until a queue matches
//! reject ───► rejected.rs: signalbox.rejected ────► rejects.rs: list, replay, discard
//! ```

mod backlog;
#[expect(clippy::module_inception, reason = "the port itself; this file only composes")]
mod bus;
mod consume;
mod durable_position;
mod event;
mod events;
mod names;
mod queue;
mod queue_metrics;
mod queues;
mod reader;
mod record;
mod recover;
mod rejected;
mod rejects;
mod settings;
mod shared;
mod topic;

pub use bus::Bus;
pub use event::Event;
pub(super) use record::{command_of, describe, queue_of};
pub(super) use recover::check;
pub use settings::Settings;

#[cfg(test)]
mod tests;
