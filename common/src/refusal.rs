//! Refusals: the reasons why an event cannot be used.

use flow::event::MalformedReason;
use std::fmt;

/// Reason for the rejection of an event that came over the bus, or for the refusal of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: RefusalReason,
    /// A sentence for people.
    pub message: String,
}

impl Refusal {
    pub fn new(reason: RefusalReason, message: impl Into<String>) -> Refusal {
        Refusal { reason, message: message.into() }
    }
}

/// Machine-readable reason. Its name is stored with rejected events and is the type of a problem of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// The bytes are not JSON.
    MalformedJson,
    Oversize,
    TooDeep,
    DuplicateKey,
    MissingField,
    WrongType,
    TooLong,
    UnsupportedSpecversion,
    ReservedSource,
    /// A number that cannot be kept exactly.
    InexactNumber,
    /// A known field of `data` without a meaning for its event type.
    InvalidData,
    /// A property of the message has bytes that are not UTF-8.
    UnreadableProperty,
    /// The publisher has no realm.
    UnknownUser,
    /// The event names no activeflow and no reference.
    Unaddressable,
    /// The definition of the flow that the event would start is damaged.
    BadDefinition,
    /// The inbox of the owner of the reference is full.
    InboxFull,
    /// A stored record that the event needs cannot be read.
    RecordDamaged,
    /// Dispatchers died while each handled only this event.
    Poison,
    /// The dispatcher panicked.
    InternalError,
}

impl RefusalReason {
    pub fn name(self) -> &'static str {
        match self {
            RefusalReason::MalformedJson => "malformed_json",
            RefusalReason::Oversize => "oversize",
            RefusalReason::TooDeep => "too_deep",
            RefusalReason::DuplicateKey => "duplicate_key",
            RefusalReason::MissingField => "missing_field",
            RefusalReason::WrongType => "wrong_type",
            RefusalReason::TooLong => "too_long",
            RefusalReason::UnsupportedSpecversion => "unsupported_specversion",
            RefusalReason::ReservedSource => "reserved_source",
            RefusalReason::InexactNumber => "inexact_number",
            RefusalReason::InvalidData => "invalid_data",
            RefusalReason::UnreadableProperty => "unreadable_property",
            RefusalReason::UnknownUser => "unknown_user",
            RefusalReason::Unaddressable => "unaddressable",
            RefusalReason::BadDefinition => "bad_definition",
            RefusalReason::InboxFull => "inbox_full",
            RefusalReason::RecordDamaged => "record_damaged",
            RefusalReason::Poison => "poison",
            RefusalReason::InternalError => "internal_error",
        }
    }
}

impl From<MalformedReason> for RefusalReason {
    fn from(reason: MalformedReason) -> RefusalReason {
        match reason {
            MalformedReason::MalformedJson => RefusalReason::MalformedJson,
            MalformedReason::Oversize => RefusalReason::Oversize,
            MalformedReason::TooDeep => RefusalReason::TooDeep,
            MalformedReason::DuplicateKey => RefusalReason::DuplicateKey,
            MalformedReason::MissingField => RefusalReason::MissingField,
            MalformedReason::WrongType => RefusalReason::WrongType,
            MalformedReason::TooLong => RefusalReason::TooLong,
            MalformedReason::UnsupportedSpecversion => RefusalReason::UnsupportedSpecversion,
            MalformedReason::ReservedSource => RefusalReason::ReservedSource,
            MalformedReason::InexactNumber => RefusalReason::InexactNumber,
            MalformedReason::InvalidData => RefusalReason::InvalidData,
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use crate::address::{DEFAULT_REALM, read};

    #[test]
    fn every_reason_of_a_malformed_event_keeps_its_name() {
        let event =
            |fields: &str| format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t"{fields}}}"#);
        let deep = format!(r#","data":{{"a":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
        for (bytes, name) in [
            ("{".to_owned(), "malformed_json"),
            (" ".repeat(flow::event::MAX_EVENT_BYTES + 1), "oversize"),
            (event(&deep), "too_deep"),
            (event(r#","data":{"a":1,"a":2}"#), "duplicate_key"),
            (event(r#","subject":"""#), "missing_field"),
            (event(r#","data":"text""#), "wrong_type"),
            (event(&format!(r#","subject":"{}""#, "x".repeat(257))), "too_long"),
            (
                r#"{"specversion":"0.3","id":"1","source":"s","type":"t"}"#.to_owned(),
                "unsupported_specversion",
            ),
            (
                r#"{"specversion":"1.0","id":"1","source":"signalbox","type":"t"}"#.to_owned(),
                "reserved_source",
            ),
            (event(r#","data":{"n":89440000000000000012}"#), "inexact_number"),
            (event(r#","data":{"digits":"E"}"#).replace(r#""t""#, r#""call.digits""#), "invalid_data"),
        ] {
            let refusal = read(bytes.as_bytes(), DEFAULT_REALM, None).unwrap_err();
            assert_eq!(refusal.reason.name(), name, "{}", refusal.message);
        }
    }
}
