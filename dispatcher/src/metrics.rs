//! What the dispatcher counts. Types that are not in the catalogue are one label, so that nobody outside can make more.

use crate::apply::EventOutcome;
use metrics::{Unit, counter, describe_counter, describe_histogram, gauge, histogram};
use std::time::Duration;

const EVENTS: &str = "signalbox_events_total";
const DURATION: &str = "signalbox_event_duration_seconds";
const REJECTED: &str = "signalbox_rejected_total";
const DROPPED: &str = "signalbox_rejected_dropped_total";
const UNMATCHED: &str = "signalbox_unmatched_total";
const LATE: &str = "signalbox_late_total";
const HELD: &str = "signalbox_dispatcher_held_events";
const CLOSED: &str = "signalbox_gate_closed_shards";
const REDELIVERED: &str = "signalbox_redelivered_total";
const UNREFERENCED: &str = "signalbox_events_without_reference_total";
const TOO_NEW: &str = "signalbox_events_too_new_total";
const CONSUMERS: &str = "signalbox_dispatcher_consumers_total";

pub fn describe() {
    describe_counter!(EVENTS, "Events handled, by type and by what became of them");
    describe_histogram!(
        DURATION,
        Unit::Seconds,
        "From the start of an event's turn until its effect is durable"
    );
    describe_counter!(REJECTED, "Events kept in the rejected queue, by reason");
    describe_counter!(DROPPED, "Events lost because the rejected queue was full");
    describe_counter!(UNMATCHED, "Events that nobody hears and that start nothing, by type");
    describe_counter!(LATE, "command.* events for activeflows that had ended");
    metrics::describe_gauge!(HELD, "Events that were delivered and are not settled");
    metrics::describe_gauge!(CLOSED, "Shards with too much that is ready: what would start more there waits");
    describe_counter!(REDELIVERED, "Events that were delivered before and not acknowledged");
    describe_counter!(
        UNREFERENCED,
        "Events whose message had no header `reference`, which keeps the order when queues are several"
    );
    describe_counter!(TOO_NEW, "Events that wait until this dispatcher is upgraded, to read a newer record");
    describe_counter!(CONSUMERS, "Lives of the consumer that have ended");
    counter!(DROPPED).absolute(0);
    counter!(UNREFERENCED).absolute(0);
    counter!(TOO_NEW).absolute(0);
    closed_shards(0);
}

/// The label of an event type.
pub fn known(kind: &str) -> &'static str {
    const KNOWN: [&str; 18] = [
        "call.incoming",
        "call.outgoing",
        "call.answered",
        "call.digits",
        "call.speech",
        "call.hangup",
        "message.received",
        "message.delivered",
        "conversation.message",
        "sim.usage",
        "sim.status",
        "sim.attached",
        "sim.detached",
        "form.requested",
        "form.submitted",
        "job.due",
        "command.completed",
        "command.failed",
    ];
    KNOWN.into_iter().find(|known| *known == kind).unwrap_or("other")
}

pub fn event(kind: &'static str, outcome: EventOutcome, took: Duration) {
    let label = match outcome {
        EventOutcome::Applied => "applied",
        EventOutcome::Duplicate => "duplicate",
        EventOutcome::Unmatched => "unmatched",
        EventOutcome::Late => "late",
        EventOutcome::Rejected => "rejected",
        EventOutcome::Dropped => "dropped",
    };
    counter!(EVENTS, "type" => kind, "outcome" => label).increment(1);
    histogram!(DURATION, "type" => kind).record(took);
    match outcome {
        EventOutcome::Unmatched => counter!(UNMATCHED, "type" => kind).increment(1),
        EventOutcome::Late => counter!(LATE).increment(1),
        _ => {}
    }
}

/// `reason` is of a fixed vocabulary.
pub fn rejected(reason: &str) {
    counter!(REJECTED, "reason" => reason.to_owned()).increment(1);
}

pub fn dropped() {
    counter!(DROPPED).increment(1);
}

pub fn held(events: usize) {
    gauge!(HELD).set(events as f64);
}

pub fn closed_shards(shards: usize) {
    gauge!(CLOSED).set(shards as f64);
}

pub fn redelivered() {
    counter!(REDELIVERED).increment(1);
}

pub fn unreferenced() {
    counter!(UNREFERENCED).increment(1);
}

pub fn too_new() {
    counter!(TOO_NEW).increment(1);
}

pub fn consumer_ended() {
    counter!(CONSUMERS).increment(1);
}
