//! Errors of bytes that are not an event.

/// Reason why bytes are not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Malformed {
    pub reason: MalformedReason,
    /// A sentence with the place and both values.
    pub message: String,
}

/// Machine-readable reason of a malformed event, stored with rejected events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedReason {
    MalformedJson,
    Oversize,
    TooDeep,
    DuplicateKey,
    MissingField,
    WrongType,
    TooLong,
    UnsupportedSpecversion,
    ReservedSource,
    /// A number that a 64-bit integer or float cannot hold exactly.
    InexactNumber,
    /// A known field of `data` without a meaning for its event type.
    InvalidData,
}

impl MalformedReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            MalformedReason::MalformedJson => "malformed_json",
            MalformedReason::Oversize => "oversize",
            MalformedReason::TooDeep => "too_deep",
            MalformedReason::DuplicateKey => "duplicate_key",
            MalformedReason::MissingField => "missing_field",
            MalformedReason::WrongType => "wrong_type",
            MalformedReason::TooLong => "too_long",
            MalformedReason::UnsupportedSpecversion => "unsupported_specversion",
            MalformedReason::ReservedSource => "reserved_source",
            MalformedReason::InexactNumber => "inexact_number",
            MalformedReason::InvalidData => "invalid_data",
        }
    }
}

impl std::fmt::Display for MalformedReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

pub(super) fn malformed(reason: MalformedReason, message: String) -> Malformed {
    Malformed { reason, message }
}
