//! Text of others for people to read: characters that would steer a terminal or turn a line around are escaped.

use flow::is_deceptive;
use std::borrow::Cow;

/// One line: line breaks and tabs are escaped too (`\n`, `\t`, `\u{1b}`).
pub fn one_line(text: &str) -> Cow<'_, str> {
    escape(text, is_deceptive)
}

/// Several lines: line breaks and tabs stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| !['\n', '\t'].contains(&c) && is_deceptive(c))
}

/// A JSON document in which such characters are escaped; its value stays the same.
pub fn json(document: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| c != '\n' && is_deceptive(c);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_a_terminal_is_escaped_and_everything_else_stays() {
        assert_eq!(one_line("größer 日本 🎉"), "größer 日本 🎉");
        assert_eq!(one_line("call-\x1b[2J\x07"), "call-\\u{1b}[2J\\u{7}");
        assert_eq!(one_line("a\r\nb\tc\u{9b}"), "a\\r\\nb\\tc\\u{9b}");
        assert_eq!(one_line("+1555\u{202e}111\u{200f}"), "+1555\\u{202e}111\\u{200f}");
        assert_eq!(lines("a\n\tb\u{2066}"), "a\n\tb\\u{2066}");
        assert!(matches!(one_line("größer, 日本語 שלום"), Cow::Borrowed(_)));
    }

    #[test]
    fn an_escaped_document_has_the_same_value() {
        let value = serde_json::json!({ "a": "x\u{202e}\u{9b}\u{7f}\u{1b}y", "ü": ["\u{2028}"] });
        let document = crate::json::to_pretty_text(&value);
        let escaped = json(&document);
        assert!(escaped.chars().all(|c| c == '\n' || !is_deceptive(c)), "{escaped}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
    }
}
