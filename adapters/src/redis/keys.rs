//! Names of all Redis keys, also for the scripts. All keys of a shard have its hash tag, so they share a cluster slot.
//!
//! ```text
//! sb:{7}:a:<id>        activeflow: head, spec, body (common/src/record)      sb:{7}:owners     reference key -> activeflow
//! sb:{7}:i:<id>        inbox without its trigger, while not empty            sb:{7}:claims     by time of the claim
//! sb:{7}:o:<id>        unsettled commands, while not empty                   sb:{7}:waits      by deadline
//! sb:{7}:j:<id>        the newest journal entries                            sb:{7}:ended      by time of the end
//! sb:{7}:k:<id>        control, while there is one                           sb:{7}:x:<customer>  by time of creation
//! sb:{7}:lane:<name>   resumed, fresh, suspects, alone                       sb:{7}:dead       worker -> time of detection
//! sb:{7}:d:<g>:<b>     dedup: generation, bucket -> marks                    sb:{7}:nonces     worker -> last nonce and its ids
//! sb:{7}:try:<mark>    solo attempts at an event                             sb:{7}:feed       stream of changes
//! sb:{7}:m:<pair>      recent messages between two numbers                   sb:{7}:meta       generation, dedup generation
//! sb:{7}:e:<id>        the event that started it                             sb:{7}:used       single-use references, by time
//! sb:{definitions}     generation, definitions, shards   :bundle:<hash>   :transitions
//! sb:{members}         member -> its last heartbeat
//! ```

use common::{ActiveflowId, EventKey, Shard};

pub const DEFINITIONS: &str = "sb:{definitions}";
pub const ROUTE_TRANSITIONS: &str = "sb:{definitions}:transitions";
pub const MEMBERS: &str = "sb:{members}";
pub const READY: &str = "sb:ready";
pub const DUE: &str = "sb:due";

/// What scripts append to the prefix of a shard, and the channels of wakeups. A colon at the end is followed by an id; SENT's by
/// the key of a pair of numbers.
pub const OF_SCRIPTS: [(&str, &str); 21] = [
    ("RECORD", ":a:"),
    ("TRIGGER", ":e:"),
    ("INBOX", ":i:"),
    ("OUTBOX", ":o:"),
    ("JOURNAL", ":j:"),
    ("CONTROL", ":k:"),
    ("CUSTOMER", ":x:"),
    ("SENT", ":m:"),
    ("LANE", ":lane:"),
    ("OWNERS", ":owners"),
    ("CLAIMS", ":claims"),
    ("WAITS", ":waits"),
    ("ENDED", ":ended"),
    ("USED", ":used"),
    ("DEAD", ":dead"),
    ("NONCES", ":nonces"),
    ("META", ":meta"),
    ("FEED", ":feed"),
    ("BUNDLE", ":bundle:"),
    ("READY_CHANNEL", READY),
    ("DUE_CHANNEL", DUE),
];

/// SCAN pattern that matches every key of the store.
pub const ALL: &str = "sb:*";

/// Buckets of one dedup generation of a shard. Each is a hash, which Redis stores compactly while it is small.
pub const DEDUP_BUCKETS: u16 = 4_096;

/// Kind of a key: the part behind its hash tag (`a`, `j`, `waits`), or else the tag.
pub fn kind(key: &[u8]) -> &str {
    let key = key.strip_prefix(b"sb:{").unwrap_or(key);
    let mut parts = key.splitn(2, |byte| *byte == b'}');
    let tag = parts.next().unwrap_or_default();
    let behind = parts.next().and_then(|rest| rest.strip_prefix(b":"));
    let kind = behind.and_then(|rest| rest.split(|byte| *byte == b':').next()).unwrap_or(tag);
    std::str::from_utf8(kind).unwrap_or_default()
}

pub fn shard(shard: Shard) -> String {
    format!("sb:{{{shard}}}")
}

pub fn of_activeflow(shard: Shard, kind: &str, id: ActiveflowId) -> Vec<u8> {
    let mut key = format!("sb:{{{shard}}}:{kind}:").into_bytes();
    key.extend(id.as_bytes());
    key
}

pub fn customer_index(shard: Shard, customer_id: &str) -> String {
    format!("sb:{{{shard}}}:x:{customer_id}")
}

pub fn nonces(shard: Shard) -> String {
    format!("sb:{{{shard}}}:nonces")
}

pub fn feed(shard: Shard) -> String {
    format!("sb:{{{shard}}}:feed")
}

pub fn attempts(shard: Shard, key: EventKey) -> Vec<u8> {
    let mut bytes = format!("sb:{{{shard}}}:try:").into_bytes();
    bytes.extend(key.mark());
    bytes
}

pub fn bundle(hash: &str) -> String {
    format!("{DEFINITIONS}:bundle:{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_key_is_found_whatever_bytes_its_id_has() {
        let record = of_activeflow(Shard(7), "a", ActiveflowId::from_bytes(*b"}:}:}:}:}:}:}:}:"));
        assert_eq!((kind(&record), kind(feed(Shard(3)).as_bytes())), ("a", "feed"));
        assert_eq!((kind(MEMBERS.as_bytes()), kind(bundle("ab").as_bytes())), ("members", "bundle"));
    }
}
