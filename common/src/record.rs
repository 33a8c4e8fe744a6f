//! Stored records and their bytes. Every record starts with a format byte; offsets never change within a format.
//!
//! ```text
//! activeflow   0 format   1 state    2 suspect  3 attempts  4 role  5 class  6 flags  7 -
//!              8 version (8)        16 token (24)          40 wait (8)       48 deadline (8)
//!             56 ready since (8)    64 created (8)         72 updated (8)
//!             80 inbox bytes (4)    84 spec length (4)     88 spec …         then the body
//! spec         0 reference key (16) 16 bundle (32)         48 hears  customer  realm  (each length (2), bytes)
//!              then JSON: kind, subject, flow, trace
//! start        0 activeflow id (16) 16 class               17 spec …
//! entry        0 tag 'e' or 't'      1 type (length (2), bytes)   start (length (4), bytes)   input …
//! ```
//!
//! Numbers are big endian, times are microseconds. The store reads and writes ranges up to the body, never the body.

use crate::identity::reference_key;
use crate::member::MemberId;
use crate::token::Token;
use crate::{ActiveflowId, json};
use flow::route::Reference;
use flow::{Class, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Format that this binary writes, and the highest that it reads.
pub const FORMAT: u8 = 1;
/// Lowest format that this binary reads. A binary reads the current format and the one before it.
pub const OLDEST_FORMAT: u8 = 1;

/// Offset of the token in a record.
pub const TOKEN_AT: usize = 16;
/// Offset of the spec in a record: the length of its head.
pub const SPEC_AT: usize = 88;
/// Offset of the bundle's hash in a spec.
pub const SPEC_BUNDLE_AT: usize = 16;
/// Offset of the texts (hears, customer, realm) in a spec.
pub const SPEC_TEXTS_AT: usize = 48;
/// Offset of the class in a start.
pub const START_CLASS_AT: usize = 16;
/// Offset of the spec in a start.
pub const START_SPEC_AT: usize = 17;
/// First byte of an inbox entry that holds an event.
pub const EVENT_TAG: u8 = b'e';
/// First byte of an inbox entry for a due wait.
pub const TIMER_TAG: u8 = b't';

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    Ready = b'r',
    Claimed = b'c',
    Waiting = b'w',
    Paused = b'p',
    Quarantined = b'q',
    Ended = b'e',
}

impl State {
    pub fn from_byte(byte: u8) -> Option<State> {
        [State::Ready, State::Claimed, State::Waiting, State::Paused, State::Quarantined, State::Ended]
            .into_iter()
            .find(|state| *state as u8 == byte)
    }

    pub fn name(self) -> &'static str {
        match self {
            State::Ready => "ready",
            State::Claimed => "claimed",
            State::Waiting => "waiting",
            State::Paused => "paused",
            State::Quarantined => "quarantined",
            State::Ended => "ended",
        }
    }
}

/// Suspicion that an activeflow kills its workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Suspect {
    #[default]
    No = 0,
    /// A worker died that held the activeflow among others: it is claimed in groups of suspects.
    Group = 1,
    /// A worker died that held it in a group of suspects: it is claimed alone.
    Alone = 2,
}

/// The part of an activeflow that never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveflowSpec {
    pub reference: Reference,
    pub customer_id: String,
    /// SHA-256 of the pinned bundle.
    pub bundle: [u8; 32],
    pub hears: BTreeSet<String>,
    pub flow: FlowRef,
    pub traceparent: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowRef {
    pub id: String,
    pub name: String,
    pub version: u32,
}

#[derive(Serialize, Deserialize)]
struct SpecTail {
    kind: String,
    subject: String,
    flow: FlowRef,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
}

/// An activeflow that an event would start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    pub id: ActiveflowId,
    pub class: Class,
    pub spec: ActiveflowSpec,
}

/// Entry of an activeflow's inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An event, with the [`Start`] to use if the activeflow ends without consuming it.
    Event { kind: String, input: Vec<u8>, start: Option<Vec<u8>> },
    /// The deadline of a wait passed.
    Timer { wait: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub state: State,
    pub suspect: Suspect,
    /// Deaths of workers that held the activeflow alone, without progress.
    pub attempts: u8,
    /// Whether the activeflow owns its reference; false for a side run.
    pub owner: bool,
    pub class: Class,
    pub version: u64,
    pub token: Option<Token>,
    pub wait: u64,
    pub deadline: Option<Timestamp>,
    pub ready_since: Timestamp,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub inbox_bytes: u32,
    pub spec: ActiveflowSpec,
    /// The cursor; empty means that the activeflow has not started.
    pub body: Vec<u8>,
}

/// Error of bytes that are not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    #[error("format {found} is newer than {FORMAT}, the newest that this binary reads")]
    TooNew { found: u8 },
    #[error("a stored {what} is cut or damaged at byte {at} of {length}")]
    Damaged { what: &'static str, at: usize, length: usize },
}

impl ActiveflowSpec {
    pub fn to_bytes(&self) -> Vec<u8> {
        let tail = SpecTail {
            kind: self.reference.kind.clone(),
            subject: self.reference.subject.clone(),
            flow: self.flow.clone(),
            traceparent: self.traceparent.clone(),
        };
        let mut bytes = Vec::with_capacity(256);
        bytes.extend(reference_key(&self.reference));
        bytes.extend(self.bundle);
        put_text(&mut bytes, &hears_text(&self.hears));
        put_text(&mut bytes, &self.customer_id);
        put_text(&mut bytes, &self.reference.realm);
        bytes.extend(json::to_bytes(&tail));
        bytes
    }

    /// # Errors
    /// [`BadRecord::Damaged`] with the offset.
    pub fn from_bytes(bytes: &[u8]) -> Result<ActiveflowSpec, BadRecord> {
        let mut reader = Reader { bytes, at: SPEC_BUNDLE_AT, what: "spec" };
        let bundle = reader.array::<32>()?;
        let hears = reader.text()?;
        let customer_id = reader.text()?;
        let realm = reader.text()?;
        let tail: SpecTail = serde_json::from_slice(&bytes[reader.at..]).map_err(|_| reader.damaged())?;
        Ok(ActiveflowSpec {
            reference: Reference { realm, kind: tail.kind, subject: tail.subject },
            customer_id,
            bundle,
            hears: hears.split('|').filter(|kind| !kind.is_empty()).map(String::from).collect(),
            flow: tail.flow,
            traceparent: tail.traceparent,
        })
    }
}

impl ActiveflowSpec {
    /// Whether the activeflow takes events of this type: by its name or by its family (`sim.*`).
    pub fn hears(&self, kind: &str) -> bool {
        let family = kind.split('.').next().unwrap_or_default();
        self.hears.contains(kind) || self.hears.contains(&format!("{family}.*"))
    }
}

/// The hears set as text, `|call.digits|call.hangup|`: it contains `|type|` or, for a family, `|sim.*|`.
pub fn hears_text(hears: &BTreeSet<String>) -> String {
    hears.iter().fold(String::from("|"), |text, kind| text + kind + "|")
}

impl Start {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(300);
        bytes.extend(self.id.as_bytes());
        bytes.push(self.class as u8);
        bytes.extend(self.spec.to_bytes());
        bytes
    }

    /// # Errors
    /// [`BadRecord::Damaged`] with the offset.
    pub fn from_bytes(bytes: &[u8]) -> Result<Start, BadRecord> {
        let mut reader = Reader { bytes, at: 0, what: "start" };
        let id = ActiveflowId::from_bytes(reader.array()?);
        let class = reader.class()?;
        Ok(Start { id, class, spec: ActiveflowSpec::from_bytes(&bytes[reader.at..])? })
    }
}

impl Entry {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Entry::Event { kind, input, start } => {
                let start = start.as_deref().unwrap_or_default();
                bytes.push(EVENT_TAG);
                put_text(&mut bytes, kind);
                bytes.extend((start.len() as u32).to_be_bytes());
                bytes.extend(start);
                bytes.extend(input);
            }
            Entry::Timer { wait } => {
                bytes.push(TIMER_TAG);
                put_text(&mut bytes, "");
                bytes.extend(0u32.to_be_bytes());
                bytes.extend(wait.to_be_bytes());
            }
        }
        bytes
    }

    /// # Errors
    /// [`BadRecord::Damaged`] with the offset.
    pub fn from_bytes(bytes: &[u8]) -> Result<Entry, BadRecord> {
        let mut reader = Reader { bytes, at: 0, what: "inbox entry" };
        let tag = reader.byte()?;
        let kind = reader.text()?;
        let length = u32::from_be_bytes(reader.array()?) as usize;
        let start = reader.take(length)?.to_vec();
        match tag {
            EVENT_TAG => Ok(Entry::Event {
                kind,
                input: bytes[reader.at..].to_vec(),
                start: (!start.is_empty()).then_some(start),
            }),
            TIMER_TAG => Ok(Entry::Timer { wait: u64::from_be_bytes(reader.array()?) }),
            _ => Err(BadRecord::Damaged { what: "inbox entry", at: 0, length: bytes.len() }),
        }
    }
}

impl Record {
    pub fn to_bytes(&self, control: bool) -> Vec<u8> {
        let spec = self.spec.to_bytes();
        let mut bytes = Vec::with_capacity(SPEC_AT + spec.len() + self.body.len());
        bytes.extend([
            FORMAT,
            self.state as u8,
            self.suspect as u8,
            self.attempts,
            if self.owner { b'o' } else { b's' },
            self.class as u8,
            u8::from(control),
            0,
        ]);
        bytes.extend(self.version.to_be_bytes());
        bytes.extend(self.token.map(Token::to_bytes).unwrap_or_default());
        bytes.extend(self.wait.to_be_bytes());
        for time in [self.deadline.unwrap_or_default(), self.ready_since, self.created, self.updated] {
            bytes.extend(time.as_micros().to_be_bytes());
        }
        bytes.extend(self.inbox_bytes.to_be_bytes());
        bytes.extend((spec.len() as u32).to_be_bytes());
        bytes.extend(spec);
        bytes.extend(&self.body);
        bytes
    }

    /// # Errors
    /// [`BadRecord::TooNew`] before anything else is read, or [`BadRecord::Damaged`] with the offset.
    pub fn from_bytes(bytes: &[u8]) -> Result<Record, BadRecord> {
        let mut reader = Reader { bytes, at: 0, what: "activeflow" };
        let found = reader.byte()?;
        if found > FORMAT {
            return Err(BadRecord::TooNew { found });
        }
        let state = State::from_byte(reader.byte()?).ok_or_else(|| reader.damaged())?;
        let suspect = match reader.byte()? {
            0 => Suspect::No,
            1 => Suspect::Group,
            2 => Suspect::Alone,
            _ => return Err(reader.damaged()),
        };
        let attempts = reader.byte()?;
        let owner = reader.byte()? == b'o';
        let class = reader.class()?;
        reader.take(2)?;
        let version = u64::from_be_bytes(reader.array()?);
        let worker = reader.array::<16>()?;
        let nonce = u64::from_be_bytes(reader.array()?);
        let token =
            (worker != [0; 16]).then(|| Token { worker: MemberId(uuid::Uuid::from_bytes(worker)), nonce });
        let wait = u64::from_be_bytes(reader.array()?);
        let deadline = reader.time()?;
        let (ready_since, created, updated) = (reader.time()?, reader.time()?, reader.time()?);
        let inbox_bytes = u32::from_be_bytes(reader.array()?);
        let spec_length = u32::from_be_bytes(reader.array()?) as usize;
        let spec = ActiveflowSpec::from_bytes(reader.take(spec_length)?)?;
        Ok(Record {
            state,
            suspect,
            attempts,
            owner,
            class,
            version,
            token,
            wait,
            deadline: (deadline != Timestamp::default()).then_some(deadline),
            ready_since,
            created,
            updated,
            inbox_bytes,
            spec,
            body: bytes[reader.at..].to_vec(),
        })
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u16).to_be_bytes());
    bytes.extend(text.as_bytes());
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    what: &'static str,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], BadRecord> {
        let part = self.bytes.get(self.at..self.at.saturating_add(length)).ok_or_else(|| self.damaged())?;
        self.at += length;
        Ok(part)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadRecord> {
        let mut array = [0u8; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, BadRecord> {
        Ok(self.take(1)?[0])
    }

    fn time(&mut self) -> Result<Timestamp, BadRecord> {
        Ok(Timestamp::from_micros(i64::from_be_bytes(self.array()?)))
    }

    fn text(&mut self) -> Result<String, BadRecord> {
        let length = u16::from_be_bytes(self.array()?);
        let part = self.take(usize::from(length))?;
        String::from_utf8(part.to_vec()).map_err(|_| self.damaged())
    }

    fn class(&mut self) -> Result<Class, BadRecord> {
        match self.byte()? {
            0 => Ok(Class::Voice),
            1 => Ok(Class::Chat),
            2 => Ok(Class::Forms),
            3 => Ok(Class::Service),
            _ => Err(self.damaged()),
        }
    }

    fn damaged(&self) -> BadRecord {
        BadRecord::Damaged { what: self.what, at: self.at, length: self.bytes.len() }
    }
}

#[cfg(test)]
mod tests;
