//! What the dispatcher adds to reading and addressing: the realm of a publisher, and the key of an event.

use crate::key_queues::Key;
use common::address::{DEFAULT_REALM, Read, Refusal};
use common::ports::bus::Delivery;
use flow::route::Addressee;
use std::collections::BTreeMap;

/// # Errors
/// The event is malformed or addresses nobody.
pub fn read(delivery: &Delivery, realms: &BTreeMap<String, String>) -> Result<Read, Refusal> {
    let realm = delivery.user_id.as_ref().and_then(|user| realms.get(user));
    let realm = realm.map_or(DEFAULT_REALM, String::as_str);
    common::address::read(&delivery.body, realm, delivery.traceparent.as_deref())
}

/// Whose turn an event shares: results of commands go in order with the other events of their reference.
pub fn key(read: &Read) -> Key {
    let subject = match &read.addressee {
        Addressee::Reference { reference, .. } => &reference.subject,
        Addressee::Command { activeflow_id, .. } => read.event.subject.as_ref().unwrap_or(activeflow_id),
    };
    (read.realm.clone(), subject.clone())
}

#[cfg(test)]
mod tests;
