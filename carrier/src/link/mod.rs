//! Connection of the carrier to Signalbox: events out, commands in, over AMQP or REST.

pub mod amqp;
pub mod rest;

use crate::wire::Event;
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Commands that were read and wait for the gateway.
const WINDOW: usize = 500;

/// Result of one attempt to publish an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Stored; over REST with the activeflow that received it or was started by it.
    Stored { activeflow: Option<String> },
    /// Refused for good.
    Refused(String),
    /// Outcome unknown, or refused for now: the same bytes are sent again.
    Again(String),
}

#[async_trait]
pub trait Link: Send + Sync {
    async fn send(&self, event: &Event) -> Attempt;
    /// Stops reading commands and removes the command queue.
    async fn close(&self);
}

/// A link and its commands. Bodies of commands arrive at least once, in the order in which they were published; the link
/// reconnects by itself.
pub struct OpenLink {
    pub link: Arc<dyn Link>,
    pub commands: mpsc::Receiver<Vec<u8>>,
}
