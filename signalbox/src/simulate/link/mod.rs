//! How the carrier reaches Signalbox: over the broker where there is one, over REST otherwise.

mod amqp;
mod rest;

use super::wire::Event;
use crate::client::Client;
use crate::config::Config;
use crate::failure::Failure;
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What became of one attempt to hand an event over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It is stored; over REST with the activeflow that it went to or started.
    Stored { activeflow: Option<String> },
    /// It will never be taken as it is.
    Refused(String),
    /// Unknown, or not now: the same bytes go out again.
    Again(String),
}

#[async_trait]
pub trait Link: Send + Sync {
    async fn send(&self, event: &Event) -> Attempt;

    /// Gives up the command queue.
    async fn close(&self);
}

/// Both directions. Bodies of commands come at least once, in the order in which they were published; after a break of
/// whatever kind they go on by themselves.
pub struct Linked {
    pub link: Arc<dyn Link>,
    pub commands: mpsc::Receiver<Vec<u8>>,
}

/// Opens the link that the settings ask for, with a command queue called `queue`, which is in place when this returns.
///
/// # Errors
/// Signalbox, or the broker, cannot be reached or refuses.
pub async fn open(config: &Config, client: Arc<Client>, queue: &str) -> Result<Linked, Failure> {
    if config.amqp.url.is_empty() { rest::open(client, queue).await } else { amqp::open(config, queue).await }
}
