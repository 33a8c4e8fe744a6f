//! Errors of reading stored bytes. A binary that meets a newer format changes nothing: a newer binary can read it.

/// Reason why this binary cannot read bytes as a bundle or a cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("format {found} is newer than {supported}, the newest that this binary reads")]
    Newer { found: u32, supported: u32 },
    #[error("{0}")]
    Damaged(String),
}

impl FormatError {
    /// Accepts only the current format.
    pub(crate) fn check(what: &str, found: u32, supported: u32) -> Result<(), FormatError> {
        match found {
            _ if found == supported => Ok(()),
            _ if found > supported => Err(FormatError::Newer { found, supported }),
            _ => Err(FormatError::Damaged(format!("{what} has format {found}, which never existed"))),
        }
    }
}
