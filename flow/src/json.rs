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

/// The first characters of a text of others, for a message.
pub fn beginning(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The first 60 characters of a value, for a message. Serialises no more than it needs.
pub(crate) fn shown(value: &Value) -> String {
    struct Head(Vec<u8>);
    impl std::io::Write for Head {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.0.len() > SHOWN * 4 {
                return Err(std::io::ErrorKind::FileTooLarge.into());
            }
            self.0.extend(bytes.iter().take(SHOWN * 4 + 4));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut head = Head(Vec::new());
    let _ = serde_json::to_writer(&mut head, value);
    let text = String::from_utf8_lossy(&head.0);
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("`{}…`", &text[..cut]),
        None => format!("`{text}`"),
    }
}

/// Maximum number of characters of a value in a message.
const SHOWN: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_long_value_is_cut_wherever_its_characters_end() {
        for length in [0, 1, 57, 58, 59, 60, 61, 100, 1_000] {
            for part in ["x", "ä", "🦀", "\n"] {
                for value in
                    [json!(part.repeat(length)), json!([part.repeat(length), 1]), json!(vec![part; length])]
                {
                    let text = value.to_string();
                    let expected = match text.char_indices().nth(60) {
                        Some((cut, _)) => format!("`{}…`", &text[..cut]),
                        None => format!("`{text}`"),
                    };
                    assert_eq!(shown(&value), expected);
                }
            }
        }
    }

    #[test]
    fn a_count_of_bytes_stops_at_its_limit() {
        let value = json!(["x", { "a": 1.5 }]);
        let length = value.to_string().len();
        assert_eq!(encoded_len(&value), length);
        assert_eq!(
            (encoded_within(&value, length), encoded_within(&value, length - 1)),
            (Some(length), None)
        );
    }
}
