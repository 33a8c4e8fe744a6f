//! The stored values, whatever their format.

use crate::ActiveflowId;
use crate::token::Token;
use flow::route::Reference;
use flow::{Class, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU8, Ordering};

/// The newest format of this release, which it writes when every live member reads it.
pub const FORMAT: u8 = 1;
/// Lowest format that this binary reads. A binary reads the current format and the one before it.
pub const OLDEST_FORMAT: u8 = 1;

/// Newest format that this process reads; see [`speak_next_format`].
static NEWEST: AtomicU8 = AtomicU8::new(FORMAT);

/// The formats that this process reads: the oldest and the newest.
pub fn formats() -> (u8, u8) {
    (OLDEST_FORMAT, NEWEST.load(Ordering::Relaxed))
}

/// For tests of upgrades: from now on this process reads one more format, as the next release will, and writes it when
/// every member reads it. Its layout is that of the current format.
pub fn speak_next_format() {
    NEWEST.store(FORMAT + 1, Ordering::Relaxed);
}

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
    /// The event that starts the activeflow, which is stored beside it once: its trigger.
    Trigger,
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
    /// Early inputs in the body: the store cannot read it, and counts them together with the inbox.
    pub early: EarlyInputs,
    /// Fields of the head that a later release added. They are kept.
    pub later: Vec<u8>,
    pub spec: ActiveflowSpec,
    /// The cursor, without what is stored once beside it (see [`super::read_cursor`]); empty means that the activeflow has not
    /// started.
    pub body: Vec<u8>,
}

/// Inputs that an activeflow took from its inbox and keeps for a later action, or for the activeflow that they start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EarlyInputs {
    pub count: u16,
    pub bytes: u32,
}

/// Error of bytes that are not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    #[error("format {found} is newer than {}, the newest that this binary reads", formats().1)]
    TooNew { found: u8 },
    #[error("a stored {what} is cut or damaged at byte {at} of {length}")]
    Damaged { what: &'static str, at: usize, length: usize },
}

/// The hears set as text, `|call.digits|call.hangup|`: it contains `|type|` or, for a family, `|sim.*|`.
pub fn hears_text(hears: &BTreeSet<String>) -> String {
    hears.iter().fold(String::from("|"), |text, kind| text + kind + "|")
}
