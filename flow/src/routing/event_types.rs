//! The event types that Signalbox has a use for, and the nearest one to a type that it does not know.

use crate::finding::nearest;

/// Event types with a meaning. Others of the same families, and all of `custom.*`, are accepted.
pub const KNOWN_TYPES: [&str; 18] = [
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

/// The known type that an unknown one resembles. `None` for known and custom types.
pub fn similar_type(kind: &str) -> Option<&'static str> {
    if KNOWN_TYPES.contains(&kind) || kind.starts_with("custom.") {
        return None;
    }
    nearest(kind, KNOWN_TYPES)
}

#[cfg(test)]
mod tests {
    use super::similar_type;

    #[test]
    fn a_mistyped_type_resembles_a_known_one_and_a_custom_one_does_not() {
        for (typed, meant) in [
            ("cal.incoming", "call.incoming"),
            ("call.incomming", "call.incoming"),
            ("Call.Incoming", "call.incoming"),
            ("call_incoming", "call.incoming"),
            ("message.recieved", "message.received"),
            ("sim.usages", "sim.usage"),
        ] {
            assert_eq!(similar_type(typed), Some(meant), "{typed}");
        }
        for typed in ["call.incoming", "custom.call", "weather.rain", "x", ""] {
            assert_eq!(similar_type(typed), None, "{typed}");
        }
    }
}
