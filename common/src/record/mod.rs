//! Stored records. Every value starts with its format. `v1.rs` has the bytes of format 1; each later format gets a module of
//! its own, and a binary reads the current format and the one before it (docs/decisions/0022-the-stored-format.md).
//!
//! Within a format, a head, a spec, a start or an entry may grow at its end: the head by its length, the others because what
//! follows the known fields is skipped.

mod cursor;
mod reader;
mod types;
mod v1;

use crate::token::Token;
use flow::Timestamp;
use reader::Reader;

pub use cursor::{cursor_bytes, read_cursor, read_cursor_alone};
pub use types::{
    ActiveflowSpec, BadRecord, EarlyInputs, Entry, FORMAT, FlowRef, OLDEST_FORMAT, Record, Start, State,
    Suspect, formats, hears_text, speak_next_format,
};
pub use v1::{
    EVENT_TAG, HEAD_BYTES, SPEC_BUNDLE_AT, SPEC_REFERENCE_AT, SPEC_TEXTS_AT, START_CLASS_AT, START_ID_AT,
    START_SPEC_AT, TIMER_TAG, TOKEN_AT, TRIGGER_TAG,
};

impl ActiveflowSpec {
    pub fn to_bytes(&self) -> Vec<u8> {
        v1::spec(self, FORMAT)
    }

    /// # Errors
    /// [`BadRecord::TooNew`] before anything else is read, or [`BadRecord::Damaged`] with the offset.
    pub fn from_bytes(bytes: &[u8]) -> Result<ActiveflowSpec, BadRecord> {
        v1::read_spec(Reader::open(bytes, "spec")?)
    }

    /// Whether the activeflow takes events of this type: by its name or by its family (`sim.*`).
    pub fn hears(&self, kind: &str) -> bool {
        let family = kind.split('.').next().unwrap_or_default();
        self.hears.contains(kind) || self.hears.contains(&format!("{family}.*"))
    }
}

impl Start {
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes_in(FORMAT)
    }

    /// The bytes in a format that [`crate::member::written_format`] chose.
    pub fn bytes_in(&self, format: u8) -> Vec<u8> {
        v1::start(self, format)
    }

    /// # Errors
    /// As [`ActiveflowSpec::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Start, BadRecord> {
        v1::read_start(Reader::open(bytes, "start")?)
    }
}

impl Entry {
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes_in(FORMAT)
    }

    /// As [`Start::bytes_in`].
    pub fn bytes_in(&self, format: u8) -> Vec<u8> {
        v1::entry(self, format)
    }

    /// # Errors
    /// As [`ActiveflowSpec::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Entry, BadRecord> {
        v1::read_entry(Reader::open(bytes, "inbox entry")?)
    }
}

impl Record {
    /// The record of an activeflow that is ready for its first claim.
    pub fn new(start: &Start, owner: bool, now: Timestamp) -> Record {
        Record {
            state: State::Ready,
            suspect: Suspect::No,
            attempts: 0,
            owner,
            class: start.class,
            version: 0,
            token: None,
            wait: 0,
            deadline: None,
            ready_since: now,
            created: now,
            updated: now,
            inbox_bytes: Entry::Trigger.to_bytes().len() as u32,
            early: EarlyInputs::default(),
            later: Vec::new(),
            spec: start.spec.clone(),
            body: Vec::new(),
        }
    }

    pub fn claim(&mut self, token: Token) {
        self.state = State::Claimed;
        self.token = Some(token);
    }

    /// `flags` are the store's own, which a record read from bytes does not tell.
    pub fn to_bytes(&self, flags: u8) -> Vec<u8> {
        v1::record(self, flags, FORMAT)
    }

    /// # Errors
    /// As [`ActiveflowSpec::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Record, BadRecord> {
        v1::read_record(Reader::open(bytes, "activeflow")?)
    }
}

/// An event as it is stored, in a format that [`crate::member::written_format`] chose.
pub fn trigger_bytes(event: &[u8], format: u8) -> Vec<u8> {
    v1::trigger(event, format)
}

/// The event in a stored trigger.
///
/// # Errors
/// As [`ActiveflowSpec::from_bytes`].
pub fn trigger_from_bytes(bytes: &[u8]) -> Result<&[u8], BadRecord> {
    Ok(Reader::open(bytes, "trigger")?.rest())
}

#[cfg(test)]
mod tests;
