//! Derived identity: slots, ids and the key of an event. Settled for good; the test vectors below are published.
//!
//! Every hash is SHA-256 over parts that are each preceded by their length (four bytes, big endian), so that no two
//! lists of parts share bytes. `slot` is the first eight bytes as a big-endian number modulo 1,024.

use flow::route::Reference;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

pub const SLOTS: u16 = 1_024;

/// A slot of the key space: `H(realm, subject) mod 1,024`, without the kind, so that all about one call or SIM is together.
pub fn slot(realm: &str, subject: &str) -> u16 {
    let digest = hash(&[b"slot", realm.as_bytes(), subject.as_bytes()]);
    (leading_u64(&digest) % u64::from(SLOTS)) as u16
}

/// A part of the store that scripts keep consistent on its own: `slot mod shards`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shard(pub u16);

impl Shard {
    /// `shards` is a power of two, at most 1,024.
    pub fn of_slot(slot: u16, shards: u16) -> Shard {
        Shard(slot % shards.max(1))
    }

    pub fn of(reference: &Reference, shards: u16) -> Shard {
        Shard::of_slot(slot(&reference.realm, &reference.subject), shards)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An activeflow's id: a UUIDv8 whose first ten bits are the slot and whose rest is derived from what started it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActiveflowId(uuid::Uuid);

impl ActiveflowId {
    /// `starter` is the flow or the autoflow, never the version.
    pub fn derive(reference: &Reference, source: &str, event_id: &str, starter: &str) -> ActiveflowId {
        let Reference { realm, kind, subject } = reference;
        let parts = ["activeflow", realm, source, event_id, kind, subject, starter];
        Self::assemble(slot(realm, subject), &hash(&parts.map(str::as_bytes)))
    }

    /// A child that `parent` starts with its effect number `sequence`, on `reference`.
    pub fn derive_child(parent: ActiveflowId, sequence: u32, reference: &Reference) -> ActiveflowId {
        let digest = hash(&[b"child", parent.as_bytes(), &sequence.to_be_bytes()]);
        Self::assemble(slot(&reference.realm, &reference.subject), &digest)
    }

    fn assemble(slot: u16, digest: &[u8; 32]) -> ActiveflowId {
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes[0] = (slot >> 2) as u8;
        bytes[1] = ((slot & 0b11) << 6) as u8 | (bytes[1] & 0b0011_1111);
        ActiveflowId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    pub fn from_bytes(bytes: [u8; 16]) -> ActiveflowId {
        ActiveflowId(uuid::Uuid::from_bytes(bytes))
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    pub fn slot(&self) -> u16 {
        let bytes = self.0.as_bytes();
        u16::from(bytes[0]) << 2 | u16::from(bytes[1] >> 6)
    }

    pub fn shard(&self, shards: u16) -> Shard {
        Shard::of_slot(self.slot(), shards)
    }
}

impl fmt::Display for ActiveflowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for ActiveflowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ActiveflowId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        uuid::Uuid::parse_str(text)
            .map(ActiveflowId)
            .map_err(|_| format!("`{text}` is not an activeflow id: expected a UUID such as 8a4f0c3e-…"))
    }
}

/// A flow's id: derived from customer and name for flows that are deployed from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FlowId(uuid::Uuid);

impl FlowId {
    /// Names are unique in a project, ignoring case.
    pub fn derive(customer_id: &str, name: &str) -> FlowId {
        let digest = hash(&[b"flow", customer_id.as_bytes(), name.to_lowercase().as_bytes()]);
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&digest[..16]);
        FlowId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// What makes an event *seen*: (realm, source, id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(pub [u8; 32]);

impl EventKey {
    pub fn derive(realm: &str, source: &str, id: &str) -> EventKey {
        EventKey(hash(&["event", realm, source, id].map(str::as_bytes)))
    }

    /// The ten bytes kept for the dedup window.
    pub fn mark(&self) -> &[u8] {
        &self.0[..10]
    }

    /// Which of the shard's dedup buckets keeps it.
    pub fn bucket(&self) -> u16 {
        u16::from_be_bytes([self.0[10], self.0[11]])
    }
}

/// The subject of an event that names no reference: the hex of the hash of the other parts of its identity.
pub fn subject_of(realm: &str, source: &str, id: &str, kind: &str) -> String {
    hex(&hash(&["subject", realm, source, id, kind].map(str::as_bytes)))
}

/// The sixteen bytes under which a reference's owner is found.
pub fn reference_key(reference: &Reference) -> [u8; 16] {
    let Reference { realm, kind, subject } = reference;
    let digest = hash(&["reference", realm, kind, subject].map(str::as_bytes));
    let mut key = [0u8; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u32).to_be_bytes());
        sha.update(part);
    }
    sha.finalize().into()
}

fn leading_u64(digest: &[u8; 32]) -> u64 {
    let mut first = [0u8; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}
