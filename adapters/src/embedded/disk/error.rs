//! Errors of opening a data folder, reading its records and writing to it.

use common::identity::hex;
use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The only table.
const TABLE: &str = "state";
/// Maximum number of damaged records that an error names.
const NAMED: usize = 10;

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
    #[error("the data folder {dir} is damaged: {}", named(.records))]
    Damaged { dir: PathBuf, records: Vec<DamagedRecord> },
    /// SQLite cannot read a part of the file.
    #[error("the database in the data folder {dir} is damaged: {reason}")]
    BrokenDatabase { dir: PathBuf, reason: String },
}

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedRecord {
    pub table: &'static str,
    pub key: Vec<u8>,
    /// What the record is.
    pub kind: String,
    pub what: String,
}

impl DamagedRecord {
    pub(in crate::embedded) fn new(key: &[u8], what: String) -> DamagedRecord {
        DamagedRecord { table: TABLE, key: key.to_owned(), kind: "a record".to_owned(), what }
    }

    /// The key as an SQL blob literal.
    pub fn key_text(&self) -> String {
        literal(&self.key)
    }
}

impl OpenError {
    /// Says what each damaged record is.
    pub(in crate::embedded) fn described(mut self, describe: fn(&[u8]) -> String) -> OpenError {
        if let OpenError::Damaged { records, .. } = &mut self {
            records.iter_mut().for_each(|record| record.kind = describe(&record.key));
        }
        self
    }
}

impl fmt::Display for DamagedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DamagedRecord { table, kind, what, .. } = self;
        write!(f, "{kind} (table {table}, key {}): {what}", self.key_text())
    }
}

fn named(records: &[DamagedRecord]) -> String {
    let shown: Vec<String> = records.iter().take(NAMED).map(ToString::to_string).collect();
    let more = records.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more records") } else { String::new() };
    format!("{} cannot be read: {}{more}", counted(records.len()), shown.join("; "))
}

fn counted(records: usize) -> String {
    if records == 1 { "1 record".to_owned() } else { format!("{records} records") }
}

/// The key as an SQL blob literal.
pub fn literal(key: &[u8]) -> String {
    format!("x'{}'", hex(key))
}

/// Reason why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    TooNew {
        found: u8,
        supported: u8,
    },
    Damaged {
        what: String,
    },
    /// The record is whole, but not for these settings.
    Unsuitable {
        what: String,
    },
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::TooNew { found, supported } => {
                write!(f, "it has format {found}, this binary reads up to {supported}: upgrade it")
            }
            Unreadable::Damaged { what } | Unreadable::Unsuitable { what } => f.write_str(what),
        }
    }
}

/// A write was not confirmed: the data may or may not be on disk.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the data folder does not take writes ({reason})")]
pub struct DiskError {
    pub reason: String,
}

/// A database error in plain words.
pub fn reason(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseCorrupt, DiskFull, NotADatabase, ReadOnly, SystemIoFailure,
    };
    match error.sqlite_error_code() {
        Some(DiskFull) => "the disk is full: free space on the file system of data.dir".to_owned(),
        Some(ReadOnly) => format!("the file system or the file is read-only ({error})"),
        Some(CannotOpen) => format!("the file cannot be opened: who owns it? ({error})"),
        Some(SystemIoFailure) => format!("the disk reports an error ({error}); is it full or failing?"),
        Some(DatabaseCorrupt | NotADatabase) => format!("the file is damaged ({error})"),
        _ => error.to_string(),
    }
}

/// An I/O error in plain words.
pub fn io_reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => error.to_string(),
    }
}

/// The error for a database that cannot be opened or read.
pub fn database(dir: &Path, error: &rusqlite::Error) -> OpenError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let (dir, reason) = (dir.to_owned(), reason(error));
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => OpenError::BrokenDatabase { dir, reason },
        _ => OpenError::Unusable { dir, reason },
    }
}
