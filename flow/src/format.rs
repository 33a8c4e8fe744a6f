//! Why stored bytes cannot be read. Who meets a newer format touches nothing: another binary can go on with it.

/// Why bytes are not a bundle or a cursor to this binary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("format {found} is newer than {supported}, the newest that this binary reads")]
    Newer { found: u32, supported: u32 },
    #[error("{0}")]
    Damaged(String),
}

impl FormatError {
    /// Whether `found` is the one format that there is so far.
    pub(crate) fn check(what: &str, found: u32, supported: u32) -> Result<(), FormatError> {
        match found {
            _ if found == supported => Ok(()),
            _ if found > supported => Err(FormatError::Newer { found, supported }),
            _ => Err(FormatError::Damaged(format!("{what} has format {found}, which never was"))),
        }
    }
}
