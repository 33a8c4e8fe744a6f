//! The bus: events come in and are acknowledged once stored; commands go out and are confirmed.

use super::error::BusError;
use crate::command::Message;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

/// Resolves when the broker has confirmed or refused the message, or when the answer was lost. Always resolves.
pub type Confirm = Pin<Box<dyn Future<Output = Result<(), BusError>> + Send>>;

/// An event as the broker delivered it, not acknowledged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Grows by one with each delivery of one [`Deliveries`].
    pub tag: u64,
    pub body: Vec<u8>,
    pub routing_key: String,
    /// Message header `reference`, if the publisher set it.
    pub reference: Option<String>,
    pub message_id: Option<String>,
    pub traceparent: Option<String>,
    /// Publisher, validated by the broker; determines the realm.
    pub user_id: Option<String>,
    /// Number of earlier deliveries without an acknowledgement (`x-delivery-count`).
    pub delivery_count: u64,
    /// A property with bytes that are not UTF-8, for people. Such an event is rejected; here each of these bytes is `?`.
    pub unreadable: Option<String>,
}

/// An event that cannot be used, for the rejected queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Id in the rejected queue, for an operator. A repeated publish has the same id.
    pub id: String,
    /// Machine-readable: `malformed_json`, `oversize`, `inbox_full`, ...
    pub reason: String,
    /// A sentence with the place and both values.
    pub message: String,
    pub body: Vec<u8>,
    /// Original properties `routing_key`, `reference`, `message_id`, `user_id`: a replay is the same event.
    pub original: BTreeMap<String, String>,
}

/// One consumer. When `next` returns `None` the consumer has ended: unacknowledged events will be redelivered, and
/// [`Bus::consume`] opens the next consumer.
#[async_trait]
pub trait Deliveries: Send {
    /// Waits for a delivery. Dropping the future loses nothing.
    async fn next(&mut self) -> Option<Delivery>;

    /// Acknowledges every delivery of this consumer up to and including `tag`. Does not wait: a lost acknowledgement causes
    /// a redelivery, which the store recognises.
    fn ack_through(&self, tag: u64);
}

#[async_trait]
pub trait Bus: Send + Sync {
    /// Opens a consumer of the event queue; retries until it is open.
    async fn consume(&self) -> Box<dyn Deliveries>;

    /// Publishes commands in order. When one of them cannot be sent, those behind it are not sent either, so that none
    /// overtakes a command that its publisher repeats. The result has one confirm for each command, in the same order.
    fn publish_all(&self, commands: Vec<Message>) -> Vec<Confirm>;

    /// Publishes one command. Commands are sent in the order of the calls.
    fn publish(&self, command: Message) -> Confirm {
        let confirm = self.publish_all(vec![command]).pop();
        confirm.unwrap_or_else(|| Box::pin(std::future::pending()))
    }

    /// Publishes a notice (a transition of a route's window) for any subscriber.
    fn announce(&self, message: Message) -> Confirm;

    /// Publishes a rejected event to the rejected queue. `Nacked` means that the queue is full.
    fn reject(&self, rejection: Rejection) -> Confirm;

    /// Whether the bus is connected, for readiness and metrics.
    fn is_up(&self) -> bool;
}
