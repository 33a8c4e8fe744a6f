//! The text of an event before it is parsed as JSON.

use std::borrow::Cow;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes without a byte order mark.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// The bytes with U+FFFD for each `\u` escape that is half of a surrogate pair. Systems that cut a text after a number of
/// UTF-16 units send such halves.
pub(super) fn with_whole_escapes(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(offset) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += offset;
        let Some(unit) = unit(bytes, at) else {
            at += 2;
            continue;
        };
        let is_pair = is_leading(unit) && self::unit(bytes, at + 6).is_some_and(is_trailing);
        if is_pair {
            at += 12;
            continue;
        }
        if is_leading(unit) || is_trailing(unit) {
            let copy = mended.get_or_insert_with(|| bytes.to_vec());
            if let Some(digits) = copy.get_mut(at + 2..at + 6) {
                digits.copy_from_slice(b"fffd");
            }
        }
        at += 6;
    }
    mended.map_or(Cow::Borrowed(bytes), Cow::Owned)
}

/// The UTF-16 unit of a `\uXXXX` escape at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn is_leading(unit: u16) -> bool {
    (0xd800..0xdc00).contains(&unit)
}

fn is_trailing(unit: u16) -> bool {
    (0xdc00..0xe000).contains(&unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> String {
        serde_json::from_slice(&with_whole_escapes(json.as_bytes())).unwrap()
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced_and_a_whole_pair_is_kept() {
        assert_eq!(read(r#""a\ud83d""#), "a\u{fffd}");
        assert_eq!(read(r#""\ude00b""#), "\u{fffd}b");
        assert_eq!(read(r#""\ud83d\ude00""#), "\u{1f600}");
        assert_eq!(read(r#""\uD83D\uD83D\uDE00""#), "\u{fffd}\u{1f600}");
        assert_eq!(read(r#""\ude00\ud83d""#), "\u{fffd}\u{fffd}");
        assert_eq!(read(r#""\ud83d\n""#), "\u{fffd}\n");
    }

    #[test]
    fn an_escaped_backslash_before_a_u_is_no_escape() {
        assert_eq!(read(r#""\\ud83d""#), "\\ud83d");
        assert_eq!(read(r#""\\\ud83d""#), "\\\u{fffd}");
        for untouched in ["", "\\", "\\u", "\"\\ud8", r#""\u00e9""#] {
            assert!(matches!(with_whole_escapes(untouched.as_bytes()), Cow::Borrowed(_)), "{untouched}");
        }
    }
}
