//! Reads a delivery: the event, its realm, and the key of the queue in which it waits.

use crate::key_queues::Key;
use crate::realms::Realms;
use common::address::ParsedEvent;
use common::ports::bus::Delivery;
use common::refusal::{Refusal, RefusalReason};
use flow::route::Addressee;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Reads an event. A panic refuses only this event.
///
/// # Errors
/// The message has an unreadable property, its publisher has no realm, or the event is malformed or cannot be addressed.
pub fn read(delivery: &Delivery, realms: &Realms) -> Result<ParsedEvent, Refusal> {
    if let Some(part) = &delivery.unreadable {
        let message = format!(
            "the {part} of the message has bytes that are not UTF-8 (each is shown as `?`): publish it as UTF-8 text, or replay the event with `?` in their place"
        );
        return Err(Refusal::new(RefusalReason::UnreadableProperty, message));
    }
    let realm = realms.of(delivery.user_id.as_deref())?;
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
