//! Encoding of the store's records. Every record starts with its format.
//!
//! ```text
//! activeflow  0 format  1 id (16)  17 claimed at (8)  25 place (8)  33 fresh  34 control (length (4), bytes)
//!             inbox (count (4), each length (4), bytes)  outbox (likewise)  then the record of `common::record`
//! others      0 format  then the fields that the functions below write and read
//! ```

use super::keys::Parts;
use crate::embedded::disk::Unreadable;
use crate::memory::dedup::Mark;
use crate::memory::shard::{ActiveflowEntry, Head};
use crate::memory::tracked::BoundedLog;
use common::ActiveflowId;
use common::ports::lookup::{FeedEntry, FeedKind};
use common::ports::work::Control;
use common::record::{BadRecord, Entry, Record};
use flow::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;

/// Format that this binary writes, and the highest format that it reads.
pub const FORMAT: u8 = 1;

/// Bytes that the indexes of an activeflow are counted with.
const INDEX_BYTES: u64 = 512;

fn damaged(what: &str) -> Unreadable {
    Unreadable::Damaged { what: format!("{what} is truncated or damaged") }
}

/// Checks the format and returns the bytes after it.
///
/// # Errors
/// The record has a newer format, or is empty.
pub fn open(value: &[u8]) -> Result<Parts<'_>, Unreadable> {
    match value.split_first() {
        Some((&found, _)) if found > FORMAT => Err(Unreadable::TooNew { found, supported: FORMAT }),
        Some((_, rest)) => Ok(Parts(rest)),
        None => Err(damaged("an empty record")),
    }
}

pub fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    bytes.push(FORMAT);
    parts.iter().for_each(|part| bytes.extend(*part));
    bytes
}

pub fn json(value: &impl Serialize) -> Vec<u8> {
    bytes(&[&common::json::to_bytes(value)])
}

/// # Errors
/// The record is not valid JSON for `what`.
pub fn from_json<T: DeserializeOwned>(mut parts: Parts<'_>, what: &str) -> Result<T, Unreadable> {
    serde_json::from_slice(parts.rest()).map_err(|error| Unreadable::Damaged {
        what: format!("{what} is not valid: {}", common::json::reason(&error)),
    })
}

pub fn activeflow(id: ActiveflowId, held: &ActiveflowEntry) -> Vec<u8> {
    let control = held.control.as_ref().map(Control::to_bytes).unwrap_or_default();
    let record = held.record.to_bytes(u8::from(held.control.is_some()));
    let mut bytes = bytes(&[
        id.as_bytes(),
        &held.claimed_at.as_micros().to_be_bytes(),
        &held.place.to_be_bytes(),
        &[u8::from(held.fresh)],
    ]);
    put_counted(&mut bytes, &control);
    bytes.extend((held.inbox.len() as u32).to_be_bytes());
    held.inbox.iter().for_each(|entry| put_counted(&mut bytes, &entry.to_bytes()));
    bytes.extend((held.outbox.len() as u32).to_be_bytes());
    held.outbox.iter().for_each(|command| put_counted(&mut bytes, command));
    bytes.extend(record);
    bytes
}

/// Bytes that an activeflow with a record of `length` bytes is counted with.
pub fn activeflow_bytes(length: usize, held: &ActiveflowEntry) -> u64 {
    let journal: usize = held.journal.iter().map(Vec::len).sum();
    (length + held.trigger.len() + journal) as u64 + INDEX_BYTES
}

fn put_counted(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend((part.len() as u32).to_be_bytes());
    bytes.extend(part);
}

/// # Errors
/// The record has a newer format or is damaged.
pub fn from_activeflow(
    mut parts: Parts<'_>,
    number: u64,
) -> Result<(ActiveflowId, ActiveflowEntry), Unreadable> {
    let prefix = prefix(&mut parts).ok_or_else(|| damaged("the start of an activeflow's record"))?;
    let entry = |bytes: &&[u8]| Entry::from_bytes(bytes).map_err(unreadable);
    let held = ActiveflowEntry {
        record: Record::from_bytes(parts.rest()).map_err(unreadable)?,
        trigger: Vec::new(),
        inbox: prefix.inbox.iter().map(entry).collect::<Result<VecDeque<Entry>, _>>()?,
        outbox: prefix.outbox.into_iter().map(<[u8]>::to_vec).collect(),
        control: prefix.control,
        journal: BoundedLog::default(),
        claimed_at: prefix.claimed_at,
        number,
        place: prefix.place,
        fresh: prefix.fresh,
        bytes: 0,
    };
    Ok((prefix.id, held))
}

/// Fields of an activeflow's record that precede the record of `common::record`.
struct Prefix<'a> {
    id: ActiveflowId,
    claimed_at: Timestamp,
    place: u64,
    fresh: bool,
    control: Option<Control>,
    inbox: Vec<&'a [u8]>,
    outbox: Vec<&'a [u8]>,
}

fn prefix<'a>(parts: &mut Parts<'a>) -> Option<Prefix<'a>> {
    let id = ActiveflowId::from_bytes(parts.array()?);
    let (claimed_at, place, fresh) = (parts.time()?, parts.number()?, parts.byte()? == 1);
    let control = match parts.counted()? {
        [] => None,
        bytes => Some(Control::from_bytes(bytes)?),
    };
    Some(Prefix { id, claimed_at, place, fresh, control, inbox: list(parts)?, outbox: list(parts)? })
}

fn list<'a>(parts: &mut Parts<'a>) -> Option<Vec<&'a [u8]>> {
    let count = u32::from_be_bytes(parts.array()?);
    (0..count).map(|_| parts.counted()).collect()
}

fn unreadable(error: BadRecord) -> Unreadable {
    match error {
        BadRecord::TooNew { found } => Unreadable::TooNew { found, supported: common::record::formats().1 },
        damaged => Unreadable::Damaged { what: damaged.to_string() },
    }
}

pub fn head(head: &Head) -> Vec<u8> {
    let (since, newest) = head.seen.unwrap_or_default();
    bytes(&[
        &head.generation.to_be_bytes(),
        &head.fed.to_be_bytes(),
        &[u8::from(head.seen.is_some())],
        &since.as_micros().to_be_bytes(),
        &newest.to_be_bytes(),
    ])
}

/// # Errors
/// The record is damaged.
pub fn from_head(mut parts: Parts<'_>) -> Result<Head, Unreadable> {
    let mut read = || {
        let (generation, fed, seen) = (parts.number()?, parts.number()?, parts.byte()? == 1);
        let window = (parts.time()?, parts.number()?);
        Some(Head { generation, fed, seen: seen.then_some(window) })
    };
    read().ok_or_else(|| damaged("the counters of a shard"))
}

pub fn nonce(nonce: u64, ids: &[ActiveflowId]) -> Vec<u8> {
    let ids: Vec<u8> = ids.iter().flat_map(|id| *id.as_bytes()).collect();
    bytes(&[&nonce.to_be_bytes(), &ids])
}

/// # Errors
/// The record is damaged.
pub fn from_nonce(mut parts: Parts<'_>) -> Result<(u64, Vec<ActiveflowId>), Unreadable> {
    let nonce = parts.number().ok_or_else(|| damaged("a worker's last claim"))?;
    let (ids, _) = parts.rest().as_chunks::<16>();
    Ok((nonce, ids.iter().copied().map(ActiveflowId::from_bytes).collect()))
}

pub fn attempts<'a>(attempts: impl Iterator<Item = &'a u64>) -> Vec<u8> {
    bytes(&[&attempts.flat_map(|attempt| attempt.to_be_bytes()).collect::<Vec<u8>>()])
}

pub fn from_attempts(mut parts: Parts<'_>) -> impl Iterator<Item = u64> {
    parts.rest().as_chunks::<8>().0.iter().copied().map(u64::from_be_bytes)
}

pub fn sent(times: &VecDeque<Timestamp>) -> Vec<u8> {
    bytes(&[&times.iter().flat_map(|at| at.as_micros().to_be_bytes()).collect::<Vec<u8>>()])
}

pub fn from_sent(mut parts: Parts<'_>) -> VecDeque<Timestamp> {
    let times = parts.rest().as_chunks::<8>().0.iter().copied();
    times.map(|at| Timestamp::from_micros(i64::from_be_bytes(at))).collect()
}

pub fn marks(marks: &[Mark]) -> Vec<u8> {
    bytes(&[marks.as_flattened()])
}

pub fn from_marks(mut parts: Parts<'_>) -> impl Iterator<Item = Mark> {
    parts.rest().as_chunks::<12>().0.iter().copied()
}

pub fn feed(entry: &FeedEntry) -> Vec<u8> {
    let at = entry.at.as_micros().to_be_bytes();
    let mut bytes = bytes(&[entry.id.as_bytes(), &at]);
    put_counted(&mut bytes, entry.kind.name().as_bytes());
    bytes.extend(&entry.journal);
    bytes
}

/// # Errors
/// The record is damaged.
pub fn from_feed(mut parts: Parts<'_>, position: String) -> Result<FeedEntry, Unreadable> {
    let mut read = || {
        let (id, at) = (ActiveflowId::from_bytes(parts.array()?), parts.time()?);
        let kind = FeedKind::from_name(parts.counted()?)?;
        Some(FeedEntry { position: position.clone(), id, kind, at, journal: parts.rest().to_vec() })
    };
    read().ok_or_else(|| damaged("an entry of the feed"))
}
