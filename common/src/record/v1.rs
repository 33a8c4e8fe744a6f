//! Format 1 of stored values. A next format that only tests speak has the same layout.
//!
//! ```text
//! activeflow   0 format   1 head length (2)   3 state   4 suspect   5 attempts   6 role   7 class
//!              8 version (8)        16 token (24)          40 wait (8)       48 deadline (8)
//!             56 ready since (8)    64 created (8)         72 updated (8)
//!             80 inbox bytes (4)    84 early bytes (4)     88 early count (2)   90 flags (below)   91 always 0
//!             92 spec length (4)    96 fields of later releases, up to the head's length
//!             then the spec, then the body
//! spec         0 format   1 reference key (16)   17 bundle (32)
//!             49 hears  customer  realm  kind  subject  flow id  traceparent or nothing  (each length (2), bytes)
//!             flow version (4)  flow name (length (4), bytes)
//! start        0 format   1 activeflow id (16)   17 class   18 spec
//! trigger      0 format   1 the event, as JSON
//! entry        0 format   1 tag   2 type (length (2), bytes)   start (length (4), bytes)   input (length (4), bytes)
//!              the input of an event is a trigger, that of a timer its wait (8)
//! ```
//!
//! Flags: 1 there is a control, 2 there are unsettled commands, 4 the reference starts one activeflow only. Until the first
//! commit (version 0), the inbox begins with a trigger entry that its list lacks and its bytes (80) include; that entry has 12 bytes
//! in every format. Numbers are big endian, times are microseconds. The store reads and writes ranges up to the body, never the body.

use super::reader::Reader;
use super::types::{
    ActiveflowSpec, BadRecord, EarlyInputs, Entry, FlowRef, Record, Start, State, Suspect, hears_text,
};
use crate::ActiveflowId;
use crate::identity::reference_key;
use crate::member::MemberId;
use crate::token::Token;
use flow::Timestamp;
use flow::route::Reference;

/// Offset of the token in a record.
pub const TOKEN_AT: usize = 16;
/// Length of the head that this release writes. A record's own head may be longer.
pub const HEAD_BYTES: usize = 96;
/// Offset of the reference's key in a spec.
pub const SPEC_REFERENCE_AT: usize = 1;
/// Offset of the bundle's hash in a spec.
pub const SPEC_BUNDLE_AT: usize = 17;
/// Offset of the texts in a spec: hears, customer, realm and those that the store does not read.
pub const SPEC_TEXTS_AT: usize = 49;
/// Offset of the activeflow's id in a start.
pub const START_ID_AT: usize = 1;
/// Offset of the class in a start.
pub const START_CLASS_AT: usize = 17;
/// Offset of the spec in a start.
pub const START_SPEC_AT: usize = 18;
/// Tag of an inbox entry that holds an event.
pub const EVENT_TAG: u8 = b'e';
/// Tag of the inbox entry for the event that starts the activeflow.
pub const TRIGGER_TAG: u8 = b's';
/// Tag of an inbox entry for a due wait.
pub const TIMER_TAG: u8 = b't';

pub(super) fn record(record: &Record, flags: u8, format: u8) -> Vec<u8> {
    let spec = spec(&record.spec, format);
    let head = HEAD_BYTES + record.later.len();
    let mut bytes = Vec::with_capacity(head + spec.len() + record.body.len());
    bytes.push(format);
    bytes.extend((head as u16).to_be_bytes());
    bytes.extend([
        record.state as u8,
        record.suspect as u8,
        record.attempts,
        if record.owner { b'o' } else { b's' },
        record.class as u8,
    ]);
    bytes.extend(record.version.to_be_bytes());
    bytes.extend(record.token.map(Token::to_bytes).unwrap_or_default());
    bytes.extend(record.wait.to_be_bytes());
    for time in [record.deadline.unwrap_or_default(), record.ready_since, record.created, record.updated] {
        bytes.extend(time.as_micros().to_be_bytes());
    }
    bytes.extend(record.inbox_bytes.to_be_bytes());
    bytes.extend(record.early.bytes.to_be_bytes());
    bytes.extend(record.early.count.to_be_bytes());
    bytes.extend([flags, 0]);
    bytes.extend((spec.len() as u32).to_be_bytes());
    bytes.extend(&record.later);
    bytes.extend(spec);
    bytes.extend(&record.body);
    bytes
}

pub(super) fn read_record(mut reader: Reader<'_>) -> Result<Record, BadRecord> {
    let head = usize::from(reader.short()?);
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
    let version = reader.long()?;
    let worker = reader.array::<16>()?;
    let nonce = reader.long()?;
    let token =
        (worker != [0; 16]).then(|| Token { worker: MemberId(uuid::Uuid::from_bytes(worker)), nonce });
    let wait = reader.long()?;
    let deadline = reader.time()?;
    let (ready_since, created, updated) = (reader.time()?, reader.time()?, reader.time()?);
    let inbox_bytes = reader.number()?;
    let early_bytes = reader.number()?;
    let early = EarlyInputs { count: reader.short()?, bytes: early_bytes };
    reader.take(2)?;
    let spec_length = reader.number()? as usize;
    let later = head.checked_sub(HEAD_BYTES).ok_or_else(|| reader.damaged())?;
    let later = reader.take(later)?.to_vec();
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
        early,
        later,
        spec,
        body: reader.rest().to_vec(),
    })
}

pub(super) fn spec(spec: &ActiveflowSpec, format: u8) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(format);
    bytes.extend(reference_key(&spec.reference));
    bytes.extend(spec.bundle);
    let Reference { realm, kind, subject } = &spec.reference;
    let hears = hears_text(&spec.hears);
    let traceparent = spec.traceparent.as_deref().unwrap_or_default();
    for text in [hears.as_str(), &spec.customer_id, realm, kind, subject, &spec.flow.id, traceparent] {
        put_text(&mut bytes, text);
    }
    bytes.extend(spec.flow.version.to_be_bytes());
    put_long(&mut bytes, spec.flow.name.as_bytes());
    bytes
}

pub(super) fn read_spec(mut reader: Reader<'_>) -> Result<ActiveflowSpec, BadRecord> {
    reader.take(SPEC_BUNDLE_AT - SPEC_REFERENCE_AT)?;
    let bundle = reader.array::<32>()?;
    let (hears, customer_id) = (reader.text()?, reader.text()?);
    let reference = Reference { realm: reader.text()?, kind: reader.text()?, subject: reader.text()? };
    let id = reader.text()?;
    let traceparent = Some(reader.text()?).filter(|text| !text.is_empty());
    let (version, name_length) = (reader.number()?, reader.number()? as usize);
    let flow = FlowRef { id, name: reader.text_of(name_length)?, version };
    let hears = hears.split('|').filter(|kind| !kind.is_empty()).map(String::from).collect();
    Ok(ActiveflowSpec { reference, customer_id, bundle, hears, flow, traceparent })
}

pub(super) fn start(start: &Start, format: u8) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(300);
    bytes.push(format);
    bytes.extend(start.id.as_bytes());
    bytes.push(start.class as u8);
    bytes.extend(spec(&start.spec, format));
    bytes
}

pub(super) fn read_start(mut reader: Reader<'_>) -> Result<Start, BadRecord> {
    let id = ActiveflowId::from_bytes(reader.array()?);
    let class = reader.class()?;
    Ok(Start { id, class, spec: ActiveflowSpec::from_bytes(reader.rest())? })
}

pub(super) fn entry(entry: &Entry, format: u8) -> Vec<u8> {
    match entry {
        Entry::Trigger => tagged(format, TRIGGER_TAG, "", &[], &[]),
        Entry::Event { kind, input, start } => {
            let start = start.as_deref().unwrap_or_default();
            tagged(format, EVENT_TAG, kind, start, &trigger(input, format))
        }
        Entry::Timer { wait } => tagged(format, TIMER_TAG, "", &[], &wait.to_be_bytes()),
    }
}

pub(super) fn trigger(event: &[u8], format: u8) -> Vec<u8> {
    [&[format], event].concat()
}

fn tagged(format: u8, tag: u8, kind: &str, start: &[u8], input: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(12 + kind.len() + start.len() + input.len());
    bytes.extend([format, tag]);
    put_text(&mut bytes, kind);
    put_long(&mut bytes, start);
    put_long(&mut bytes, input);
    bytes
}

pub(super) fn read_entry(mut reader: Reader<'_>) -> Result<Entry, BadRecord> {
    let tag = reader.byte()?;
    let kind = reader.text()?;
    let start_length = reader.number()? as usize;
    let start = reader.take(start_length)?.to_vec();
    let input_length = reader.number()? as usize;
    match tag {
        TRIGGER_TAG => Ok(Entry::Trigger),
        EVENT_TAG => Ok(Entry::Event {
            kind,
            input: Reader::open(reader.take(input_length)?, "trigger")?.rest().to_vec(),
            start: (!start.is_empty()).then_some(start),
        }),
        TIMER_TAG => Ok(Entry::Timer { wait: reader.long()? }),
        _ => Err(BadRecord::Damaged { what: "inbox entry", at: 1, length: reader.bytes.len() }),
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u16).to_be_bytes());
    bytes.extend(text.as_bytes());
}

fn put_long(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend((part.len() as u32).to_be_bytes());
    bytes.extend(part);
}
