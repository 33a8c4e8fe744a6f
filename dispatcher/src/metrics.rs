//! Metrics of the dispatcher.

use common::event_metrics;
use metrics::{counter, describe_counter, describe_gauge, gauge};

const REJECTED: &str = "signalbox_rejected_total";
const DROPPED: &str = "signalbox_rejected_dropped_total";
const IN_FLIGHT: &str = "signalbox_dispatcher_held_events";
const CLOSED: &str = "signalbox_gate_closed_shards";
const REDELIVERED: &str = "signalbox_redelivered_total";
const UNREFERENCED: &str = "signalbox_events_without_reference_total";
const TOO_NEW: &str = "signalbox_events_too_new_total";
const CONSUMERS: &str = "signalbox_dispatcher_consumers_total";

pub fn describe() {
    event_metrics::describe();
    describe_counter!(REJECTED, "Events published to the rejected queue, by reason");
    describe_counter!(DROPPED, "Events lost because the rejected queue was full");
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
