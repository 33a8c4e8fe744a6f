//! The AMQP client of a carrier: it publishes events with confirms and consumes commands from queues of its own.
//!
//! It knows the exchanges and headers that docs/integrate.md names, and uses no code of the engine.

mod broker;
mod consume;
mod publish;

pub use broker::{AmqpError, Broker, COMMANDS, EVENTS};
pub use consume::{Queue, QueueKind, Subscription, declare, keep_consuming};
pub use publish::{Counts, DirectPublisher, Message, Publish, PublishError, Publisher};

pub use lapin::message::Delivery;
