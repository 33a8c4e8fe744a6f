//! Metrics of the dispatcher. Event types outside a fixed list share one label, so that publishers cannot add labels.

use crate::outcome::EventOutcome;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use std::time::Duration;

const EVENTS: &str = "signalbox_events_total";
const DURATION: &str = "signalbox_event_duration_seconds";
const REJECTED: &str = "signalbox_rejected_total";
const DROPPED: &str = "signalbox_rejected_dropped_total";
const UNMATCHED: &str = "signalbox_unmatched_total";
const LATE: &str = "signalbox_late_total";
const IN_FLIGHT: &str = "signalbox_dispatcher_held_events";
const CLOSED: &str = "signalbox_gate_closed_shards";
const REDELIVERED: &str = "signalbox_redelivered_total";
const UNREFERENCED: &str = "signalbox_events_without_reference_total";
const TOO_NEW: &str = "signalbox_events_too_new_total";
const CONSUMERS: &str = "signalbox_dispatcher_consumers_total";

pub fn describe() {
    describe_counter!(EVENTS, "Events handled, by type and outcome");
    describe_histogram!(
        DURATION,
        Unit::Seconds,
        "Time from the start of an event's handling until its effect is durable"
    );
    describe_counter!(REJECTED, "Events published to the rejected queue, by reason");
    describe_counter!(DROPPED, "Events lost because the rejected queue was full");
    describe_counter!(UNMATCHED, "Events that no activeflow hears and no route takes, by type");
    describe_counter!(LATE, "command.* events for activeflows that had ended");
    describe_gauge!(IN_FLIGHT, "Events that are running or waiting for an earlier event of their reference");
    describe_gauge!(
        CLOSED,
        "Shards whose backlog is too large: events that would start an activeflow there wait"
    );
    describe_counter!(REDELIVERED, "Redelivered events: delivered before without an acknowledgement");
    describe_counter!(
        UNREFERENCED,
        "Events without the message header `reference`, which keeps events in order across several queues"
    );
    describe_counter!(
        TOO_NEW,
        "Events whose record has a newer format and that wait until this dispatcher is upgraded"
    );
    describe_counter!(CONSUMERS, "Consumer sessions that ended");
    counter!(DROPPED).absolute(0);
    counter!(UNREFERENCED).absolute(0);
    counter!(TOO_NEW).absolute(0);
    closed_shards(0);
}

/// Label of an event type.
pub fn type_label(kind: &str) -> &'static str {
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
        EventOutcome::Copy => "copy",
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

/// `reason` comes from a fixed vocabulary.
pub fn rejected(reason: &str) {
    counter!(REJECTED, "reason" => reason.to_owned()).increment(1);
}

pub fn dropped() {
    counter!(DROPPED).increment(1);
}

pub fn in_flight(events: usize) {
    gauge!(IN_FLIGHT).set(events as f64);
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
