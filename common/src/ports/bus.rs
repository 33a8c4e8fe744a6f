//! The bus: events come in and are acknowledged once stored; commands go out and are confirmed.

use super::error::BusError;
use crate::command::Message;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

/// Resolves when the broker has confirmed or refused, or when that cannot be known any more. Always resolves.
pub type Confirm = Pin<Box<dyn Future<Output = Result<(), BusError>> + Send>>;

/// An event as it came over the wire. Not acknowledged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Grows by one within one life of a [`Deliveries`].
    pub tag: u64,
    pub body: Vec<u8>,
    pub routing_key: String,
    /// Message header `reference`, if the publisher set it.
    pub reference: Option<String>,
    pub message_id: Option<String>,
    pub traceparent: Option<String>,
    /// The broker-validated `user_id`, from which the realm comes.
    pub user_id: Option<String>,
    /// How often the broker delivered it before without an acknowledgement (`x-delivery-count`).
    pub delivery_count: u64,
}

/// An event that cannot be used, on its way to where a person can look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Machine-readable: `malformed_json`, `oversize`, `inbox_full`, ...
    pub reason: String,
    /// A sentence with the place and both values.
    pub message: String,
    pub body: Vec<u8>,
    /// As they came: `routing_key`, `reference`, `message_id`, `user_id`, so that a replay is the same event.
    pub original: BTreeMap<String, String>,
}

/// One life of a consumer. When `next` answers `None` it is over, everything unacknowledged comes again, and
/// [`Bus::consume`] opens the next one.
#[async_trait]
pub trait Deliveries: Send {
    /// Dropping the future loses nothing.
    async fn next(&mut self) -> Option<Delivery>;

    /// Acknowledges every delivery of this life up to and including `tag`. Does not wait: an acknowledgement that is
    /// lost means a redelivery, which the store recognises.
    fn ack_through(&self, tag: u64);
}

#[async_trait]
pub trait Bus: Send + Sync {
    /// Opens a consumer of the event queue; waits, trying again, until there is one.
    async fn consume(&self) -> Box<dyn Deliveries>;

    /// Publishes a command. Commands leave in the order of the calls, on one channel.
    fn publish(&self, message: Message) -> Confirm;

    /// Publishes a notice (a window's transition) for whoever is interested.
    fn announce(&self, message: Message) -> Confirm;

    /// Keeps a rejected event. `Nacked` means that the rejected queue is full.
    fn reject(&self, rejection: Rejection) -> Confirm;

    /// Whether broker connections are up, for readiness and metrics.
    fn is_up(&self) -> bool;
}
