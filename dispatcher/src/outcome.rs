//! The outcome of one event.

/// Outcome of one event. Every outcome is final: the delivery may be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventOutcome {
    Applied,
    Duplicate,
    /// The event would start a call, form or job that was started before.
    Copy,
    /// No activeflow hears the event and no route takes its address.
    Unmatched,
    /// The event is for an activeflow that has ended.
    Late,
    Rejected,
    /// The event is lost: the rejected queue was full.
    Dropped,
}
