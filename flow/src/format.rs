//! Errors of reading stored bytes. A binary that meets a newer format changes nothing: a newer binary can read it.

use crate::json::beginning;
use std::ops::RangeInclusive;

/// Reason why this binary cannot read bytes as a bundle or a cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("format {found} is newer than {supported}, the newest that this binary reads")]
    Newer { found: u32, supported: u32 },
    #[error("{0}")]
    Damaged(String),
}

/// Maximum length of the description of damage, in characters: a reader's message may repeat a whole value.
const MAX_DESCRIPTION: usize = 500;

impl FormatError {
    pub(crate) fn damaged(what: impl std::fmt::Display) -> FormatError {
        FormatError::Damaged(beginning(&what.to_string(), MAX_DESCRIPTION))
    }

    /// Accepts the formats that this binary reads: from the oldest to the one that it writes.
    pub(crate) fn check(what: &str, found: u32, readable: RangeInclusive<u32>) -> Result<(), FormatError> {
        let (oldest, supported) = readable.into_inner();
        match found {
            _ if found > supported => Err(FormatError::Newer { found, supported }),
            _ if found >= oldest => Ok(()),
            _ => Err(FormatError::damaged(format_args!(
                "{what} has format {found}, and the oldest that this binary reads is {oldest}"
            ))),
        }
    }
}
