//! Changes of known inputs: of bytes, and of JSON by its structure.

use crate::Rng;
use serde_json::{Value, json};

/// Maximum size of a mutated input: above the limit of every parser but that of documents.
const MOST_BYTES: usize = 200_000;
/// Numbers at which lengths and counts go wrong.
const EDGES: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];

/// Bytes in which a few parts are removed, repeated, moved, changed, or replaced by one of `pieces` or a part of `other`.
pub fn bytes(rng: &mut Rng, known: &[u8], other: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    let mut bytes = known.to_vec();
    for _ in 0..=rng.index(4) {
        let (at, end) = part(rng, bytes.len());
        let replacement = match rng.index(9) {
            0 => Vec::new(),
            1 => bytes[at..end].repeat(rng.index(100)),
            2 => {
                let (from, to) = part(rng, other.len());
                other[from..to].to_vec()
            }
            3 | 4 if !pieces.is_empty() => rng.pick(pieces).to_vec(),
            5 => number(rng),
            6 => bytes[at..end].iter().map(|byte| byte ^ 1 << rng.index(8)).collect(),
            7 => bytes[at..].to_vec(),
            _ => rng.bytes(9),
        };
        bytes.splice(at..end, replacement);
        bytes.truncate(MOST_BYTES);
    }
    bytes
}

/// A short part, or now and then any.
fn part(rng: &mut Rng, length: usize) -> (usize, usize) {
    let at = rng.index(length + 1);
    let most = if rng.one_in(8) { length } else { 8 };
    (at, (at + rng.index(most + 1)).min(length))
}

/// A number in big endian, as lengths are written.
fn number(rng: &mut Rng) -> Vec<u8> {
    let number = EDGES[rng.index(EDGES.len())].to_be_bytes();
    let width = [1, 2, 4, 8][rng.index(4)];
    number[8 - width..].to_vec()
}

/// Replaces, removes, repeats or adds something anywhere in `at`; `value` draws what is put there.
pub fn json(rng: &mut Rng, at: &mut Value, value: &mut dyn FnMut(&mut Rng) -> Value) {
    match at {
        Value::Object(fields) if !fields.is_empty() && !rng.one_in(6) => {
            let index = rng.index(fields.len());
            let Some(key) = fields.keys().nth(index).cloned() else { return };
            match rng.index(8) {
                0 => drop(fields.remove(&key)),
                1 => drop(fields.insert(format!("{key}/~"), value(rng))),
                _ => json(rng, &mut fields[&key], value),
            }
        }
        Value::Array(items) if !items.is_empty() && !rng.one_in(6) => {
            let index = rng.index(items.len());
            match rng.index(8) {
                0 => drop(items.remove(index)),
                1 => items.push(items[index].clone()),
                2 if items.len() < 3_000 && items[index].to_string().len() < 1_000 => {
                    let item = items[index].clone();
                    items.extend(vec![item; 300]);
                }
                _ => json(rng, &mut items[index], value),
            }
        }
        at => *at = value(rng),
    }
}

/// A value of any type, at the edges of what is usual.
pub fn any_json(rng: &mut Rng) -> Value {
    match rng.index(14) {
        0 => Value::Null,
        1 => json!(rng.one_in(2)),
        2 => json!(EDGES[rng.index(EDGES.len())]),
        3 => json!(-1.5),
        4 => json!(1e300),
        5 => json!(i64::MIN),
        6 => json!([]),
        7 => json!({}),
        8 => json!(["a", { "b": 1 }]),
        9 => (0..rng.index(60)).fold(json!(1), |inner, _| json!([inner])),
        10 => json!("x".repeat(rng.index(20_000))),
        11 => json!(""),
        12 => json!(" 7 "),
        _ => json!("a\u{0}\u{1b}[2J\u{202e}ä🦀/~1"),
    }
}

/// The text of a document, sometimes cut, begun with too many brackets, or changed byte by byte.
pub fn text(rng: &mut Rng, document: &Value) -> Vec<u8> {
    let text = document.to_string().into_bytes();
    match rng.index(8) {
        0 => text[..rng.index(text.len() + 1)].to_vec(),
        1 => {
            let begin: &str = rng.pick(&["[", "{\"a\":", "\u{feff}", "/*", "\"", "-"]);
            [begin.repeat(rng.index(5_000)).as_bytes(), &text].concat()
        }
        2 | 3 => bytes(rng, &text, &text, &PIECES),
        _ => text,
    }
}

/// Pieces of JSON text that parsers treat differently.
pub const PIECES: [&[u8]; 16] = [
    b"\\ud83d",
    b"\\u0000",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"1e999",
    b"-0",
    b"18446744073709551616",
    b"\xff",
    b"\xed\xa0\x80",
];
