//! A publisher that does not give up: each message is repeated, with the same bytes, until the broker confirms it. A copy
//! may therefore arrive twice, as with any honest publisher.

use super::event::Outgoing;
use ::carrier::amqp::{Broker, Counts, Message, Publish, Publisher};
use std::time::Duration;

pub use ::carrier::amqp::EVENTS;

const CONFIRM_TIMEOUT: Duration = Duration::from_secs(60);

/// A handle to the publishing task; clones share it. The task ends with the last handle.
#[derive(Clone)]
pub struct Link(Publisher);

impl Link {
    pub fn open(amqp_url: &str) -> Link {
        Link(Publisher::open(broker(amqp_url), CONFIRM_TIMEOUT))
    }

    /// Returns after the broker has confirmed the message.
    pub async fn publish(&self, message: Outgoing) {
        let Outgoing { routing_key, message_id, reference, body } = message;
        let message = Message { routing_key, message_id, reference, body };
        let _ = self.0.publish(message, Publish::UntilConfirmed).await;
    }

    pub fn counts(&self) -> &Counts {
        self.0.counts()
    }
}

/// Opens a connection that does not recover by itself.
///
/// # Errors
/// The broker cannot be reached within the time limit.
pub async fn connect(url: &str) -> anyhow::Result<lapin::Connection> {
    Ok(broker(url).connect().await?)
}

pub(super) fn broker(url: &str) -> Broker {
    Broker::new(url, "tests")
}
