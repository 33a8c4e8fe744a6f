//! Errors of opening a data folder, reading its records and writing to it.

use common::identity::hex;
use std::path::{Path, PathBuf};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum OpenError {
    #[error(
        "the data folder {dir} is in use by another Signalbox (process {holder}): stop it, or choose another data.dir"
    )]
    InUse { dir: PathBuf, holder: String },
    #[error("the data folder {dir} cannot be used: {reason}")]
    Unusable { dir: PathBuf, reason: String },
    #[error(
        "the record {key} in the data folder {dir} has format {found}, this binary reads up to {supported}: upgrade it"
    )]
    TooNew { dir: PathBuf, key: String, found: u8, supported: u8 },
    #[error("the record {key} in the data folder {dir} cannot be read: {what}")]
    Damaged { dir: PathBuf, key: String, what: String },
}

impl OpenError {
    /// The record under `key` cannot be read; the error shows the key as an SQL blob literal.
    pub fn record(dir: &Path, key: &[u8], why: Unreadable) -> OpenError {
        let (dir, key) = (dir.to_owned(), format!("x'{}'", hex(key)));
        match why {
            Unreadable::TooNew { found, supported } => OpenError::TooNew { dir, key, found, supported },
            Unreadable::Damaged { what } => OpenError::Damaged { dir, key, what },
        }
    }
}

/// Reason why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    TooNew { found: u8, supported: u8 },
    Damaged { what: String },
}

/// A write was not confirmed: the data may or may not be on disk.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the data folder does not take writes ({reason})")]
pub struct DiskError {
    pub reason: String,
}
