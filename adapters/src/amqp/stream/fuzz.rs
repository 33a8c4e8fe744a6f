//! Fuzzing of the repair of frames (CONTRIBUTING.md): what it lets through is what lapin's own parser reads.

use super::frames::Frames;
use crate::amqp::wire;
use ::fuzz::{Rng, Target, mutate};
use amq_protocol::frame::{AMQPFrame, parse_frame};
use lapin::message::Delivery;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;

/// Types of header values with a fixed size, in bytes.
pub(super) const FIXED: [(u8, usize); 15] = [
    (b't', 1),
    (b'b', 1),
    (b'B', 1),
    (b's', 2),
    (b'u', 2),
    (b'U', 2),
    (b'i', 4),
    (b'I', 4),
    (b'f', 4),
    (b'D', 5),
    (b'l', 8),
    (b'L', 8),
    (b'd', 8),
    (b'T', 8),
    (b'V', 0),
];

fn target() -> Target {
    Target::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/frames"))
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    [[kind, 0, 1].as_slice(), &length(payload), payload, &[0xce]].concat()
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap().to_be_bytes()
}

fn short(rng: &mut Rng) -> Vec<u8> {
    let text = match rng.index(4) {
        0 => rng.pick(&["reference", "traceparent", "x-delivery-count", "größe"]).as_bytes().to_vec(),
        1 => rng.bytes(256),
        2 => vec![0xe2; rng.index(256)],
        _ => rng.bytes(9),
    };
    [&[u8::try_from(text.len()).unwrap()], text.as_slice()].concat()
}

fn long(bytes: &[u8]) -> Vec<u8> {
    [&length(bytes), bytes].concat()
}

/// A value of a header, of every type that the broker passes on; `depth` limits the tables and arrays in it.
fn value(rng: &mut Rng, depth: usize) -> Vec<u8> {
    match rng.index(5) {
        0 if depth > 0 => [b"F".as_slice(), &table(rng, depth - 1)].concat(),
        1 if depth > 0 => {
            let items: Vec<u8> = (0..rng.index(4)).flat_map(|_| value(rng, depth - 1)).collect();
            [b"A".as_slice(), &long(&items)].concat()
        }
        2 => [rng.pick(&[b"S".as_slice(), b"x"]), &long(&rng.bytes(40))].concat(),
        _ => {
            let (kind, size) = FIXED[rng.index(FIXED.len())];
            [&[kind], (0..size).map(|_| rng.byte()).collect::<Vec<u8>>().as_slice()].concat()
        }
    }
}

fn table(rng: &mut Rng, depth: usize) -> Vec<u8> {
    let entries: Vec<u8> = (0..rng.index(5)).flat_map(|_| [short(rng), value(rng, depth)].concat()).collect();
    long(&entries)
}

/// A content header with any properties.
fn header(rng: &mut Rng) -> Vec<u8> {
    let flags = (rng.any() as u16) & 0xfffc;
    let mut payload = [[0, 60, 0, 0].as_slice(), &rng.any().to_be_bytes(), &flags.to_be_bytes()].concat();
    for property in (0..14).filter(|property| flags & (0x8000 >> *property) != 0) {
        let depth = if rng.one_in(4) { 60 } else { 3 };
        payload.extend(match property {
            2 => table(rng, depth),
            3 | 4 => vec![rng.byte()],
            9 => rng.any().to_be_bytes().to_vec(),
            _ => short(rng),
        });
    }
    frame(HEADER, &payload)
}

/// A method that contains texts of other publishers.
fn method(rng: &mut Rng) -> Vec<u8> {
    let mut texts = |count: usize| (0..count).flat_map(|_| short(rng)).collect::<Vec<u8>>();
    let deliver = [[0, 60, 0, 60].as_slice(), &texts(1), &[0; 9], &texts(2)].concat();
    let methods = [
        deliver,
        [[0, 60, 0, 71].as_slice(), &[0; 9], &texts(2), &[0; 4]].concat(),
        [[0, 60, 0, 50].as_slice(), &[0; 2], &texts(3)].concat(),
        [[0, 60, 0, 30].as_slice(), &texts(1), &[0]].concat(),
        [[0, 60, 0, 21].as_slice(), &texts(1)].concat(),
        [[0, 20, 0, 40].as_slice(), &[0; 2], &texts(1), &[0; 4]].concat(),
        [[0, 10, 0, 50].as_slice(), &[0; 2], &texts(1), &[0; 4]].concat(),
        [[0, 10, 0, 60].as_slice(), &texts(1)].concat(),
        [[0, 50, 0, 11].as_slice(), &texts(1), &[0; 8]].concat(),
    ];
    frame(METHOD, &methods[rng.index(methods.len())])
}

/// Frames as a broker sends them.
fn stream(rng: &mut Rng) -> Vec<u8> {
    let one = |rng: &mut Rng| match rng.index(6) {
        0 | 1 => method(rng),
        2..=4 => header(rng),
        _ if rng.one_in(2) => frame(HEARTBEAT, b""),
        _ => frame(BODY, &rng.bytes(60)),
    };
    (0..=rng.index(4)).flat_map(|_| one(rng)).collect()
}

/// What is read of a stream that arrives in chunks of these sizes, one after another and from the beginning.
fn through(sent: &[u8], sizes: &[usize]) -> Vec<u8> {
    let (mut frames, mut read, mut buffer) = (Frames::default(), Vec::new(), [0; 61]);
    let (mut rest, mut sizes) = (sent, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| (*size).clamp(1, rest.len()));
        let (chunk, after) = rest.split_at(size);
        frames.push(chunk);
        rest = after;
        while let count @ 1.. = frames.read(&mut buffer) {
            read.extend_from_slice(&buffer[..count]);
        }
    }
    read
}

/// Any bytes: what is read has the same length up to an unfinished frame, and does not depend on how the stream is cut.
fn exercise(sent: &[u8]) {
    let whole = through(sent, &[]);
    assert!(whole.len() <= sent.len());
    assert_eq!(through(sent, &[1]), whole, "byte by byte");
    assert_eq!(through(sent, &[7, 1, 30]), whole, "in pieces");
    assert_eq!(through(&whole, &[]), whole, "what is repaired needs no repair");
    convert(&whole);
}

/// Reads frames with lapin's parser, and converts what is in them as a consumer does. Returns the bytes that are left.
fn convert(mut bytes: &[u8]) -> &[u8] {
    while let Ok((rest, read)) = parse_frame(bytes) {
        if let AMQPFrame::Header(_, header) = read {
            let mut delivery = Delivery::mock(1, "".into(), "call.incoming".into(), false, Vec::new());
            delivery.properties = header.properties;
            let read = wire::delivery(delivery);
            assert!(read.reference.is_none_or(|reference| reference.len() <= 256));
        }
        bytes = rest;
    }
    bytes
}

#[test]
fn what_once_went_wrong_stays_right() {
    target().replay(exercise);
}

#[test]
fn lapin_reads_every_frame_whose_only_faults_are_those_that_are_repaired() {
    target().fuzz(2_000, stream, |sent| {
        exercise(sent);
        let repaired = through(sent, &[]);
        assert_eq!(repaired.len(), sent.len());
        assert_eq!(convert(&repaired), b"", "every frame is read");
    });
}

#[test]
fn any_bytes_do_no_harm() {
    let draw = |rng: &mut Rng| {
        let (one, other) = (stream(rng), stream(rng));
        mutate::bytes(
            rng,
            &one,
            &other,
            &[b"F", b"A", b"S", b"\xce", b"\x01\0\x01", b"\x02\0\x01", b"AMQP\0\0\x09\x01"],
        )
    };
    target().fuzz(5_000, draw, |sent| exercise(sent));
}
