//! JSON helpers: serialisation that cannot fail, objects, and short forms of values for messages.

use serde::Serialize;
use serde_json::{Map, Value};

/// The JSON of `value`. Only for types that always serialise: maps with text keys, no failing `Serialize` of their own.
///
/// # Panics
/// If the type cannot be serialised. An empty fallback would be worse: an empty cursor means "not started".
#[expect(clippy::expect_used, reason = "a stored type that does not serialise is a programming error")]
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("the type serialises to JSON")
}

/// Bytes of `value` as JSON, counted without keeping them.
pub(crate) fn encoded_len<T: Serialize + ?Sized>(value: &T) -> usize {
    encoded_within(value, usize::MAX).unwrap_or(usize::MAX)
}

/// Bytes of `value` as JSON; `None` if there are more than `most`, at which the count stops.
pub(crate) fn encoded_within<T: Serialize + ?Sized>(value: &T, most: usize) -> Option<usize> {
    struct Count {
        bytes: usize,
        most: usize,
    }
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.bytes = self.bytes.saturating_add(bytes.len());
            if self.bytes > self.most {
                Err(std::io::ErrorKind::FileTooLarge.into())
            } else {
                Ok(bytes.len())
            }
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count { bytes: 0, most };
    serde_json::to_writer(&mut count, value).ok().map(|()| count.bytes)
}

/// An object from pairs.
pub(crate) fn object<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The first 60 characters of a value, for a message.
pub(crate) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("`{}…`", &text[..cut]),
        None => format!("`{text}`"),
    }
}
