//! Events as they enter the bus, and their deliveries.

use super::record::encode;
use common::ports::bus::Delivery;
use common::ports::rejects::Rejected;
use serde::{Deserialize, Serialize};

/// An event that a publisher in this process sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// CloudEvents type.
    pub routing_key: String,
    pub reference: Option<String>,
    pub message_id: Option<String>,
    pub traceparent: Option<String>,
    /// User that determines the realm, like the user that RabbitMQ has validated.
    pub user_id: Option<String>,
    #[serde(skip)]
    pub body: Vec<u8>,
}

impl Event {
    pub(super) fn with_record(self) -> (Event, Vec<u8>) {
        let record = encode(&self, &self.body);
        (self, record)
    }

    pub(super) fn delivery(self, tag: u64, delivery_count: u64) -> Delivery {
        let Event { routing_key, reference, message_id, traceparent, user_id, body } = self;
        Delivery {
            tag,
            body,
            routing_key,
            reference,
            message_id,
            traceparent,
            user_id,
            delivery_count,
            unreadable: None,
        }
    }
}

impl From<&Rejected> for Event {
    fn from(rejected: &Rejected) -> Event {
        let original = |name: &str| rejected.original.get(name).cloned();
        Event {
            routing_key: original("routing_key").unwrap_or_default(),
            reference: original("reference"),
            message_id: original("message_id"),
            traceparent: original("traceparent"),
            user_id: original("user_id"),
            body: rejected.body.clone(),
        }
    }
}
