//! Reads a delivery: the event, its realm, and the key of the queue in which it waits.

use crate::key_queues::Key;
use common::address::{DEFAULT_REALM, ParsedEvent};
use common::ports::bus::Delivery;
use common::refusal::{Refusal, RefusalReason};
use flow::route::Addressee;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Reads an event. A panic refuses only this event.
///
/// # Errors
/// The event is malformed or cannot be addressed.
pub fn read(delivery: &Delivery, realms: &BTreeMap<String, String>) -> Result<ParsedEvent, Refusal> {
    let realm = delivery.user_id.as_ref().and_then(|user| realms.get(user));
    let realm = realm.map_or(DEFAULT_REALM, String::as_str);
    let read = || common::address::read(&delivery.body, realm, delivery.traceparent.as_deref());
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(panicked()))
}

/// Queue key of an event. The result of a command is queued with the other events of its reference.
pub fn key(read: &ParsedEvent) -> Key {
    let subject = match &read.addressee {
        Addressee::Reference { reference, .. } => &reference.subject,
        Addressee::Command { activeflow_id, .. } => read.event.subject.as_ref().unwrap_or(activeflow_id),
    };
    (read.realm.clone(), subject.clone())
}

/// Refusal of an event whose handling panicked.
pub fn panicked() -> Refusal {
    Refusal::new(
        RefusalReason::InternalError,
        "the dispatcher panicked while it handled this event; its log says where",
    )
}

#[cfg(test)]
mod tests;
