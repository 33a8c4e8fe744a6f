//! Metrics of events, however they come: the dispatcher and `POST /v1/events` both use them. Event types outside a fixed
//! list share one label, so that publishers cannot add labels.

use flow::event::KNOWN_TYPES;
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use std::time::Duration;

const EVENTS: &str = "signalbox_events_total";
const DURATION: &str = "signalbox_event_duration_seconds";
const UNMATCHED: &str = "signalbox_unmatched_total";
const LATE: &str = "signalbox_late_total";
const FAR_TIME: &str = "signalbox_events_far_time_total";

/// The outcome of one event. Every outcome of the dispatcher is final: the delivery may be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedOutcome {
    Applied,
    Duplicate,
    /// It would start a call, form or job that was started before.
    Copy,
    Unmatched,
    Late,
    /// It went to the rejected queue.
    Rejected,
    /// It is lost: the rejected queue was full.
    Dropped,
    /// The publisher was told why it is refused.
    Refused,
    /// The publisher was told to send it again: the state store did not answer.
    Unanswered,
}

impl CountedOutcome {
    fn label(self) -> &'static str {
        match self {
            CountedOutcome::Applied => "applied",
            CountedOutcome::Duplicate => "duplicate",
            CountedOutcome::Copy => "copy",
            CountedOutcome::Unmatched => "unmatched",
            CountedOutcome::Late => "late",
            CountedOutcome::Rejected => "rejected",
            CountedOutcome::Dropped => "dropped",
            CountedOutcome::Refused => "refused",
            CountedOutcome::Unanswered => "unanswered",
        }
    }
}

pub fn describe() {
    describe_counter!(EVENTS, "Events handled, by AMQP and by REST, by type and outcome");
    describe_histogram!(
        DURATION,
        Unit::Seconds,
        "Time from the start of an event's handling until its effect is durable"
    );
    describe_counter!(UNMATCHED, "Events that no activeflow hears and no route takes, by type");
    describe_counter!(LATE, "command.* events for activeflows that had ended");
    describe_counter!(
        FAR_TIME,
        "Events whose time is far from now, so that their arrival decides instead, by type"
    );
}

/// Label of an event type.
pub fn type_label(kind: &str) -> &'static str {
    KNOWN_TYPES.into_iter().find(|known| *known == kind).unwrap_or("other")
}

/// Counts an event whose arrival decides instead of its time; `kind` is a [`type_label`].
pub fn judged_by_arrival(kind: &'static str) {
    counter!(FAR_TIME, "type" => kind).increment(1);
}

/// Counts one event; `kind` is a [`type_label`].
pub fn record(kind: &'static str, outcome: CountedOutcome, took: Duration) {
    counter!(EVENTS, "type" => kind, "outcome" => outcome.label()).increment(1);
    histogram!(DURATION, "type" => kind).record(took);
    match outcome {
        CountedOutcome::Unmatched => counter!(UNMATCHED, "type" => kind).increment(1),
        CountedOutcome::Late => counter!(LATE).increment(1),
        _ => {}
    }
}
