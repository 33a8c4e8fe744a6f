//! Converts values to JSON without a possible error. The types of this workspace consist of strings, numbers, lists and maps
//! with string keys, which always serialise. A failure is a programming error: it panics, so that no empty text is stored.

use flow::json::beginning;
pub use flow::json::to_bytes;
use serde::Serialize;

#[expect(clippy::expect_used, reason = "the types of this workspace always serialise")]
pub fn to_text<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("a type of this workspace serialises to JSON")
}

/// Indented, for people.
#[expect(clippy::expect_used, reason = "the types of this workspace always serialise")]
pub fn to_pretty_text<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("a type of this workspace serialises to JSON")
}

/// Maximum length of the reason of an error, in characters.
const MAX_REASON: usize = 500;

/// Why stored bytes are not what was expected. The reader's own message may repeat a whole value.
pub fn reason(error: &serde_json::Error) -> String {
    beginning(&error.to_string(), MAX_REASON)
}
