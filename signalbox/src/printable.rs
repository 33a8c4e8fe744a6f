//! Text of others for a terminal: characters that would move the cursor, hide text or turn it around are escaped.

use std::borrow::Cow;

/// One line: everything that is not a visible character is escaped, line breaks too.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escape(text, is_unsafe)
}

/// Several lines: as [`one_line`], but line breaks stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c != '\n' && is_unsafe(c))
}

/// A JSON document in which such characters are escaped; its value stays the same.
pub fn json(document: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| c != '\n' && is_unsafe(c);
    if !document.chars().any(is_escaped) {
        return Cow::Borrowed(document);
    }
    let escaped = |c: char| match is_escaped(c) {
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    };
    Cow::Owned(document.chars().map(escaped).collect())
}

fn escape(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if !is_escaped(c) => safe.push(c),
            '\n' | '\r' | '\t' => safe.extend(c.escape_default()),
            c => safe.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(safe)
}

/// Control characters, marks that change the direction of text, and separators that end a line.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_a_terminal_is_escaped_and_everything_else_stays() {
        assert_eq!(one_line("größer 日本 🎉"), "größer 日本 🎉");
        assert_eq!(one_line("a\x1b[2Jb\x07"), "a\\u{1b}[2Jb\\u{7}");
        assert_eq!(one_line("a\r\nb\tc\u{9b}"), "a\\r\\nb\\tc\\u{9b}");
        assert_eq!(one_line("+1555\u{202e}111"), "+1555\\u{202e}111");
        assert_eq!(lines("a\nb\u{2066}"), "a\nb\\u{2066}");
    }

    #[test]
    fn an_escaped_document_has_the_same_value() {
        let value = serde_json::json!({ "a": "x\u{202e}\u{9b}\u{7f}\u{1b}y", "ü": ["\u{2028}"] });
        let document = serde_json::to_string_pretty(&value).unwrap();
        let escaped = json(&document);
        assert!(escaped.chars().all(|c| c == '\n' || !is_unsafe(c)), "{escaped}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
    }
}
