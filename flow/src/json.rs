//! Writing our own types as JSON.

use serde::Serialize;

/// The JSON of a value of ours.
///
/// # Panics
/// If the value cannot be JSON: a map with keys that are not strings, or a `Serialize` that fails. Our types have neither.
/// There is no fallback, because empty bytes mean something else: an empty cursor is one that has not started.
#[expect(clippy::expect_used, reason = "our types are structs of strings, numbers and JSON values")]
pub fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("a type of ours is not serialisable")
}
