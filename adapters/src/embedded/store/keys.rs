//! Encoding of the store's keys. Numbers are big-endian, so keys sort by number.
//!
//! ```text
//! s                               the store: number of shards
//! sa <shard> <number>             an activeflow with its inbox and outbox
//! sa <shard> <number> t           the event that started it
//! sa <shard> <number> <entry>     an entry of its journal
//! sb <hash>                       a bundle            sg                      the definitions
//! sd <shard> <member>             a dead member       se <time> <transition> 0 <route>   a transition of a route
//! sf <shard> <entry>              an entry of the feed
//! sh <shard>                      counters of a shard
//! sm <member>                     a member on the member list
//! sn <shard> <member>             the last claim of a worker
//! sp <shard> <pair>               messages of the last minute between two numbers
//! ss <shard> <generation> <chunk> marks of applied events
//! st <shard> <event key>          solo attempts at an event
//! su <shard> <reference>          a single-use reference that was used
//! ```

use common::Shard;
use common::member::MemberId;
use common::ports::catalogue::RouteTransition;
use flow::Timestamp;
use flow::route::WindowTransition;
use std::ops::Range;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Store,
    Activeflow(Shard, u64),
    Trigger(Shard, u64),
    Journal(Shard, u64, u64),
    Bundle(String),
    Dead(Shard, MemberId),
    RouteTransition(RouteTransition),
    Feed(Shard, u64),
    Definitions,
    Head(Shard),
    Member(MemberId),
    Nonce(Shard, MemberId),
    Sent(Shard, [u8; 16]),
    Marks(Shard, u64, u64),
    Attempts(Shard, [u8; 32]),
    Used(Shard, [u8; 16]),
}

/// End of the key of a trigger. Entries of a journal end in eight bytes that begin with zero.
const TRIGGER: &[u8] = b"t";

impl Key {
    pub fn to_bytes(&self) -> Vec<u8> {
        let of = |kind: u8, parts: &[&[u8]]| {
            let mut bytes = Vec::with_capacity(2 + parts.iter().map(|part| part.len()).sum::<usize>());
            bytes.extend([b's', kind]);
            parts.iter().for_each(|part| bytes.extend(*part));
            bytes
        };
        let be = u64::to_be_bytes;
        match self {
            Key::Store => b"s".to_vec(),
            Key::Activeflow(shard, number) => of(b'a', &[&shard.0.to_be_bytes(), &be(*number)]),
            Key::Trigger(shard, number) => of(b'a', &[&shard.0.to_be_bytes(), &be(*number), TRIGGER]),
            Key::Journal(shard, number, entry) => {
                of(b'a', &[&shard.0.to_be_bytes(), &be(*number), &be(*entry)])
            }
            Key::Bundle(hash) => of(b'b', &[hash.as_bytes()]),
            Key::Dead(shard, member) => of(b'd', &[&shard.0.to_be_bytes(), member.as_bytes()]),
            Key::RouteTransition(transition) => {
                let at = transition.at.as_micros().to_be_bytes();
                of(
                    b'e',
                    &[&at, transition.transition.name().as_bytes(), &[0], transition.route_id.as_bytes()],
                )
            }
            Key::Feed(shard, entry) => of(b'f', &[&shard.0.to_be_bytes(), &be(*entry)]),
            Key::Definitions => of(b'g', &[]),
            Key::Head(shard) => of(b'h', &[&shard.0.to_be_bytes()]),
            Key::Member(member) => of(b'm', &[member.as_bytes()]),
            Key::Nonce(shard, member) => of(b'n', &[&shard.0.to_be_bytes(), member.as_bytes()]),
            Key::Sent(shard, pair) => of(b'p', &[&shard.0.to_be_bytes(), pair]),
            Key::Marks(shard, generation, chunk) => {
                of(b's', &[&shard.0.to_be_bytes(), &be(*generation), &be(*chunk)])
            }
            Key::Attempts(shard, key) => of(b't', &[&shard.0.to_be_bytes(), key]),
            Key::Used(shard, key) => of(b'u', &[&shard.0.to_be_bytes(), key]),
        }
    }

    /// `None` if it is not a key of the store.
    pub fn from_bytes(bytes: &[u8]) -> Option<Key> {
        let mut parts = Parts(bytes);
        if parts.byte()? != b's' {
            return None;
        }
        if parts.0.is_empty() {
            return Some(Key::Store);
        }
        let key = match parts.byte()? {
            b'a' => {
                let (shard, number) = (parts.shard()?, parts.number()?);
                match parts.0 {
                    [] => Key::Activeflow(shard, number),
                    TRIGGER => {
                        parts.rest();
                        Key::Trigger(shard, number)
                    }
                    _ => Key::Journal(shard, number, parts.number()?),
                }
            }
            b'b' => Key::Bundle(parts.text()?),
            b'd' => Key::Dead(parts.shard()?, parts.member()?),
            b'e' => {
                let at = Timestamp::from_micros(i64::from_be_bytes(parts.array()?));
                let text = parts.text()?;
                let (name, route_id) = text.split_once('\0')?;
                let transition = [WindowTransition::Activated, WindowTransition::Expired]
                    .into_iter()
                    .find(|transition| transition.name() == name)?;
                let route_id = route_id.to_owned();
                Key::RouteTransition(RouteTransition { route_id, transition, at })
            }
            b'f' => Key::Feed(parts.shard()?, parts.number()?),
            b'g' => Key::Definitions,
            b'h' => Key::Head(parts.shard()?),
            b'm' => Key::Member(parts.member()?),
            b'n' => Key::Nonce(parts.shard()?, parts.member()?),
            b'p' => Key::Sent(parts.shard()?, parts.array()?),
            b's' => Key::Marks(parts.shard()?, parts.number()?, parts.number()?),
            b't' => Key::Attempts(parts.shard()?, parts.array()?),
            b'u' => Key::Used(parts.shard()?, parts.array()?),
            _ => return None,
        };
        parts.0.is_empty().then_some(key)
    }

    /// Keys of an activeflow, its trigger and its journal.
    pub fn activeflow_range(shard: Shard, number: u64) -> Range<Vec<u8>> {
        Key::Activeflow(shard, number).to_bytes()..Key::Activeflow(shard, number + 1).to_bytes()
    }

    /// Keys of a generation of marks.
    pub fn generation_range(shard: Shard, generation: u64) -> Range<Vec<u8>> {
        Key::Marks(shard, generation, 0).to_bytes()..Key::Marks(shard, generation + 1, 0).to_bytes()
    }
}

/// Words for a key of the store.
pub fn describe(key: &[u8]) -> Option<String> {
    Some(match Key::from_bytes(key)? {
        Key::Store => "the number of shards".to_owned(),
        Key::Activeflow(shard, number) => format!("activeflow {number} of shard {shard}"),
        Key::Trigger(shard, number) => format!("the event that started activeflow {number} of shard {shard}"),
        Key::Journal(shard, number, entry) => {
            format!("entry {entry} of the journal of activeflow {number} of shard {shard}")
        }
        Key::Bundle(hash) => format!("the flow bundle {hash}"),
        Key::Dead(shard, member) => format!("the death of member {member} in shard {shard}"),
        Key::RouteTransition(transition) => {
            format!("a transition of the route {} at {}", transition.route_id, transition.at)
        }
        Key::Feed(shard, entry) => format!("entry {entry} of the feed of shard {shard}"),
        Key::Definitions => "the definitions (flows and routes)".to_owned(),
        Key::Head(shard) => format!("the counters of shard {shard}"),
        Key::Member(member) => format!("member {member}"),
        Key::Nonce(shard, member) => format!("the last claim of {member} in shard {shard}"),
        Key::Sent(shard, _) => format!("messages of the last minute between two numbers, of shard {shard}"),
        Key::Marks(shard, ..) => format!("marks of applied events of shard {shard}"),
        Key::Attempts(shard, _) => format!("attempts at an event of shard {shard}"),
        Key::Used(shard, _) => format!("a used reference of shard {shard}"),
    })
}

/// Reads the parts of a key or a record from the front.
pub struct Parts<'a>(pub &'a [u8]);

impl<'a> Parts<'a> {
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn time(&mut self) -> Option<Timestamp> {
        self.array().map(i64::from_be_bytes).map(Timestamp::from_micros)
    }

    pub fn shard(&mut self) -> Option<Shard> {
        self.array().map(u16::from_be_bytes).map(Shard)
    }

    pub fn member(&mut self) -> Option<MemberId> {
        self.array().map(uuid::Uuid::from_bytes).map(MemberId)
    }

    /// A length (4 bytes) and that many bytes.
    pub fn counted(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_be_bytes(self.array()?);
        self.take(length as usize)
    }

    /// All remaining bytes.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub fn text(&mut self) -> Option<String> {
        String::from_utf8(self.rest().to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written_and_sort_by_their_numbers() {
        let member = MemberId(uuid::Uuid::from_u128(7));
        let transition = RouteTransition {
            route_id: "sim=8944*".into(),
            transition: WindowTransition::Activated,
            at: Timestamp::from_micros(1_800_000_000_000_000),
        };
        let keys = [
            Key::Store,
            Key::Activeflow(Shard(1), 255),
            Key::Journal(Shard(1), 255, 0),
            Key::Journal(Shard(1), 255, 256),
            Key::Trigger(Shard(1), 255),
            Key::Activeflow(Shard(1), 256),
            Key::Activeflow(Shard(256), 1),
            Key::Bundle("aa".into()),
            Key::Dead(Shard(1), member),
            Key::RouteTransition(transition),
            Key::Feed(Shard(1), 255),
            Key::Feed(Shard(1), 256),
            Key::Definitions,
            Key::Head(Shard(3)),
            Key::Member(member),
            Key::Nonce(Shard(1), member),
            Key::Sent(Shard(1), [9; 16]),
            Key::Marks(Shard(1), 1, 255),
            Key::Marks(Shard(1), 1, 256),
            Key::Marks(Shard(1), 2, 0),
            Key::Attempts(Shard(1), [9; 32]),
            Key::Used(Shard(1), [9; 16]),
        ];
        let bytes: Vec<Vec<u8>> = keys.iter().map(Key::to_bytes).collect();
        assert!(bytes.is_sorted());
        let read: Vec<Option<Key>> = bytes.iter().map(|bytes| Key::from_bytes(bytes)).collect();
        assert_eq!(read, keys.map(Some));
        assert!(Key::activeflow_range(Shard(1), 255).contains(&bytes[3]));
        assert!(Key::activeflow_range(Shard(1), 255).contains(&bytes[4]));
        assert!(!Key::activeflow_range(Shard(1), 255).contains(&bytes[5]));
        assert!(Key::generation_range(Shard(1), 1).contains(&bytes[17]));
        for foreign in [&b"be12345678"[..], b"sz", b"sa", b"sh\0\0\0", b""] {
            assert_eq!(Key::from_bytes(foreign), None);
        }
    }
}
