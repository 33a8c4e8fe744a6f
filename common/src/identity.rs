//! Derived identity: slots, ids and the key of an event. It never changes; the test vectors below are published.
//!
//! Every hash is SHA-256 over parts that are each preceded by their length (four bytes, big endian), so that no two
//! lists of parts share bytes. `slot` is the first eight bytes as a big-endian number modulo 1,024.

use flow::route::Reference;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

pub const SLOTS: u16 = 1_024;

/// Slot of the key space: `H(realm, subject) mod 1,024`. The kind is left out, so that one subject is in one slot.
pub fn slot(realm: &str, subject: &str) -> u16 {
    let digest = hash(&[b"slot", realm.as_bytes(), subject.as_bytes()]);
    (leading_u64(&digest) % u64::from(SLOTS)) as u16
}

/// Partition of the store: `slot mod shards`. An operation touches one shard.
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
    /// `event_kind` is the event's type; `starter` is the flow or the autoflow, never the version.
    pub fn derive(
        reference: &Reference,
        source: &str,
        event_id: &str,
        event_kind: &str,
        starter: &str,
    ) -> ActiveflowId {
        let Reference { realm, kind, subject } = reference;
        let parts = ["activeflow", realm, source, event_id, event_kind, kind, subject, starter];
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

/// Error of a text that is not an activeflow id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an activeflow id: expected a UUID such as 8a4f0c3e-…")]
pub struct InvalidActiveflowId(String);

impl FromStr for ActiveflowId {
    type Err = InvalidActiveflowId;

    fn from_str(text: &str) -> Result<Self, InvalidActiveflowId> {
        uuid::Uuid::parse_str(text).map(ActiveflowId).map_err(|_| InvalidActiveflowId(text.to_owned()))
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

/// Identity of an event for deduplication: (realm, source, id, type, subject). A source that uses an id again for another
/// call sends another event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(pub [u8; 32]);

impl EventKey {
    /// `subject` is the subject of the reference, or for a command's result the command's id.
    pub fn derive(realm: &str, source: &str, id: &str, kind: &str, subject: &str) -> EventKey {
        EventKey::of(&[realm, source, id, kind, subject])
    }

    /// Key of any list of parts.
    pub fn of(parts: &[&str]) -> EventKey {
        let parts: Vec<&[u8]> =
            std::iter::once("event").chain(parts.iter().copied()).map(str::as_bytes).collect();
        EventKey(hash(&parts))
    }

    /// The ten bytes that the dedup window keeps.
    pub fn mark(&self) -> &[u8] {
        &self.0[..10]
    }

    /// Number from which the dedup bucket of the mark is taken.
    pub fn bucket(&self) -> u16 {
        u16::from_be_bytes([self.0[10], self.0[11]])
    }
}

/// Subject of an event that names none: the hex of the hash of its realm, source, id and kind.
pub fn subject_of(realm: &str, source: &str, id: &str, kind: &str) -> String {
    hex(&hash(&["subject", realm, source, id, kind].map(str::as_bytes)))
}

/// Key of a reference in the index of owners.
pub fn reference_key(reference: &Reference) -> [u8; 16] {
    let Reference { realm, kind, subject } = reference;
    let digest = hash(&["reference", realm, kind, subject].map(str::as_bytes));
    let mut key = [0u8; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

/// Key of a pair of numbers between which a customer's messages are counted. The numbers are in their normal form.
pub fn pair_key(realm: &str, customer_id: &str, from: &str, to: &str) -> [u8; 16] {
    let digest = hash(&["pair", realm, customer_id, from, to].map(str::as_bytes));
    let mut key = [0u8; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

/// UUIDv8 derived from a text, for fields that must be a UUID.
pub fn uuid_of(text: &str) -> uuid::Uuid {
    let digest = hash(&[b"uuid", text.as_bytes()]);
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(realm: &str, kind: &str, subject: &str) -> Reference {
        Reference { realm: realm.into(), kind: kind.into(), subject: subject.into() }
    }

    /// Published: other programs derive the same (docs/identity.md).
    #[test]
    fn the_test_vectors_hold() {
        assert_eq!(slot("default", "call-4711"), 1017);
        let call = reference("default", "call", "call-4711");
        let id = ActiveflowId::derive(&call, "sbc-1.example", "7c1e", "call.incoming", "flow-1");
        assert_eq!(id.to_string(), "fe666626-404e-8cda-8f91-548226f0eb5a");
        assert_eq!(
            ActiveflowId::derive_child(id, 3, &call).to_string(),
            "fe4f6cb1-2c7d-84c7-becc-0ea530b04a7c"
        );
        assert_eq!(
            FlowId::derive("00000000-0000-0000-0000-000000000000", "Support line").to_string(),
            "ed74f4ae-a5bb-87af-8c22-70b91cab9797"
        );
        assert_eq!(
            hex(&EventKey::derive("default", "sbc-1.example", "7c1e", "call.incoming", "call-4711").0),
            "38730addea8db99444bdc2efc7d87f9db4ef87fa2614e7c6450134b4ec7ef5e4"
        );
        assert_eq!(hex(&reference_key(&call)), "1e234f6c190a4872aa632b0c1f830de4");
        assert_eq!(
            subject_of("default", "s", "1", "custom.x"),
            "fbd85601518416d51bfc9c5c6dedb9bdb7333da9eb6976577b493f34d414742a"
        );
        assert_eq!(uuid_of("call-4711").to_string(), "58a2cc8e-9ec4-8491-abc4-2ba1e5e92d13");
    }

    #[test]
    fn an_id_carries_its_slot_and_is_a_uuid_of_version_8() {
        for n in 0..2_000 {
            let call = reference("default", "call", &format!("call-{n}"));
            let id = ActiveflowId::derive(&call, "s", "1", "call.incoming", "f");
            assert_eq!(id.slot(), slot("default", &call.subject));
            assert_eq!(uuid::Uuid::from_bytes(*id.as_bytes()).get_version_num(), 8);
            assert_eq!(id.to_string().parse::<ActiveflowId>().unwrap(), id);
        }
    }

    #[test]
    fn parts_never_run_into_each_other() {
        let one = ActiveflowId::derive(&reference("a", "call", "bc"), "s", "1", "t", "f");
        let two = ActiveflowId::derive(&reference("ab", "call", "c"), "s", "1", "t", "f");
        assert_ne!(one, two);
        assert_ne!(EventKey::of(&["a", "b", "cd"]), EventKey::of(&["a", "bc", "d"]));
        let key = |kind, subject| EventKey::derive("default", "s", "1", kind, subject);
        assert_ne!(key("call.incoming", "c1"), key("call.incoming", "c2"), "an id that a source uses again");
        assert_ne!(key("call.incoming", "c1"), key("call.hangup", "c1"));
    }

    #[test]
    fn slots_are_spread_evenly() {
        let mut counts = vec![0u32; 16];
        for n in 0..16_000 {
            counts[usize::from(Shard::of(&reference("default", "call", &format!("call-{n}")), 16).0)] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }
}
