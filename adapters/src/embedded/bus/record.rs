//! Encoding of the bus's keys and records on disk.
//!
//! ```text
//! be<position>          an event            bl<session>  the last position that a consumer session may deliver
//! bq<queue>             a command queue     bc<queue><position>   a command in it (queue 0: signalbox.unrouted)
//! br<position>          a rejected event    bn           the last position of a command
//! ```
//! Numbers in keys are big-endian, so keys sort by number. A record consists of a format byte, the length of its header,
//! the header as JSON, and the unchanged body.

use crate::embedded::disk::Unreadable;
use serde::Serialize;
use serde::de::DeserializeOwned;

const FORMAT: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Event(u64),
    Session(u64),
    Queue(u32),
    Command { queue: u32, position: u64 },
    LastCommand,
    Rejection(u64),
}

impl Key {
    pub fn to_bytes(self) -> Vec<u8> {
        let (kind, numbers) = match self {
            Key::Event(position) => (b'e', position.to_be_bytes().to_vec()),
            Key::Session(number) => (b'l', number.to_be_bytes().to_vec()),
            Key::Queue(queue) => (b'q', queue.to_be_bytes().to_vec()),
            Key::Command { queue, position } => {
                (b'c', [queue.to_be_bytes().as_slice(), &position.to_be_bytes()].concat())
            }
            Key::LastCommand => (b'n', Vec::new()),
            Key::Rejection(position) => (b'r', position.to_be_bytes().to_vec()),
        };
        [[b'b', kind].as_slice(), &numbers].concat()
    }

    /// `None` if it is not a key of the bus.
    pub fn from_bytes(bytes: &[u8]) -> Option<Key> {
        let (prefix, numbers) = bytes.split_at_checked(2)?;
        let number = || Some(u64::from_be_bytes(numbers.try_into().ok()?));
        match prefix {
            b"be" => Some(Key::Event(number()?)),
            b"bl" => Some(Key::Session(number()?)),
            b"bq" => Some(Key::Queue(u32::from_be_bytes(numbers.try_into().ok()?))),
            b"bc" => {
                let (queue, position) = numbers.split_at_checked(4)?;
                let queue = u32::from_be_bytes(queue.try_into().ok()?);
                Some(Key::Command { queue, position: u64::from_be_bytes(position.try_into().ok()?) })
            }
            b"bn" => Some(Key::LastCommand),
            b"br" => Some(Key::Rejection(number()?)),
            _ => None,
        }
    }
}

/// Number of the queue whose record has this key.
pub fn queue_of(key: &[u8]) -> Option<u32> {
    match Key::from_bytes(key)? {
        Key::Queue(queue) => Some(queue),
        _ => None,
    }
}

/// Number of the queue that the command under this key is in; `None` for unrouted commands, whose queue has no record.
pub fn command_of(key: &[u8]) -> Option<u32> {
    match Key::from_bytes(key)? {
        Key::Command { queue, .. } if queue != 0 => Some(queue),
        _ => None,
    }
}

/// Words for a key of the bus.
pub fn describe(key: &[u8]) -> Option<String> {
    Some(match Key::from_bytes(key)? {
        Key::Event(position) => format!("event {position} in signalbox.events"),
        Key::Session(number) => format!("session {number} of the event consumer"),
        Key::Queue(queue) => format!("command queue {queue}"),
        Key::Command { queue: 0, position } => format!("command {position} in signalbox.unrouted"),
        Key::Command { queue, position } => format!("command {position} in command queue {queue}"),
        Key::LastCommand => "the last position of a command".to_owned(),
        Key::Rejection(position) => format!("rejected event {position}"),
    })
}

pub fn encode(header: &impl Serialize, body: &[u8]) -> Vec<u8> {
    let header = common::json::to_bytes(header);
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX).to_be_bytes();
    [[FORMAT].as_slice(), &length, &header, body].concat()
}

/// # Errors
/// The record has a newer format.
pub fn check_format(record: &[u8]) -> Result<(), Unreadable> {
    match record.first() {
        Some(&found) if found > FORMAT => Err(Unreadable::TooNew { found, supported: FORMAT }),
        _ => Ok(()),
    }
}

/// # Errors
/// The record is truncated, is not valid JSON, or has a newer format.
pub fn decode<H: DeserializeOwned>(record: &[u8]) -> Result<(H, &[u8]), String> {
    let format = record.first().copied().unwrap_or(0);
    if format > FORMAT {
        return Err(format!("has format {format}, this binary reads up to {FORMAT}: upgrade it"));
    }
    let parts = record.get(1..).and_then(|rest| rest.split_first_chunk::<4>());
    let parts = parts.and_then(|(length, rest)| rest.split_at_checked(u32::from_be_bytes(*length) as usize));
    let (header, body) =
        parts.ok_or_else(|| format!("of {} bytes is shorter than its header states", record.len()))?;
    Ok((
        serde_json::from_slice(header).map_err(|e| format!("is not valid: {}", common::json::reason(&e)))?,
        body,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::bus::Event;

    #[test]
    fn a_stored_event_stays_readable() {
        const STORED: &[u8] =
            b"\x01\0\0\0\x73{\"routing_key\":\"call.incoming\",\"reference\":\"call-1\",\"message_id\":\"m-1\",\
            \"traceparent\":null,\"user_id\":null,\"later\":1}{\"data\":1}";
        let (event, body) = decode::<Event>(STORED).unwrap();
        assert_eq!(
            (event.routing_key.as_str(), event.reference.as_deref()),
            ("call.incoming", Some("call-1"))
        );
        assert_eq!(body, b"{\"data\":1}");
        let written = encode(&event, body);
        assert_eq!(decode::<Event>(&written).unwrap(), (event, body));
        assert_eq!(written[0], FORMAT);
    }

    #[test]
    fn a_newer_format_and_a_torn_record_are_refused() {
        let newer = decode::<u64>(&[FORMAT + 1, 9, 9]).unwrap_err();
        assert!(newer.contains("format 2") && newer.contains("up to 1"), "{newer}");
        let whole = encode(&7_u64, b"");
        assert!(decode::<u64>(&whole[..whole.len() - 1]).is_err());
        assert!(decode::<u64>(b"").is_err());
    }

    #[test]
    fn keys_are_read_as_they_are_written_and_sort_by_their_numbers() {
        let keys = [
            Key::Command { queue: 1, position: 256 },
            Key::Command { queue: 2, position: 1 },
            Key::Event(255),
            Key::Event(256),
            Key::Session(3),
            Key::LastCommand,
            Key::Queue(7),
            Key::Rejection(1),
        ];
        let bytes = keys.map(Key::to_bytes);
        assert!(bytes.is_sorted());
        assert_eq!(bytes.each_ref().map(|bytes| Key::from_bytes(bytes)), keys.map(Some));
        assert_eq!(Key::from_bytes(b"s-something"), None);
    }
}
