//! The tokens of an expression.

use super::refusal::Refusal;
use super::values::cut;
use serde_json::{Number, Value};

/// A token; `Sign` is an operator or a bracket.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Text(String),
    Number(Number),
    Sign(&'static str),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Word(word) => write!(f, "`{}`", cut(word)),
            Token::Text(text) => write!(f, "the text `{}`", cut(text)),
            Token::Number(number) => write!(f, "the number `{number}`"),
            Token::Sign(sign) => write!(f, "`{sign}`"),
        }
    }
}

/// Longer signs first: `**` is not two `*`.
const SIGNS: &[&str] = &[
    "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "|", ".", ",", ":", "(",
    ")", "[", "]", "{", "}",
];

/// The tokens of `source`. Does not recurse; there are at most as many as the source has bytes.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, Refusal> {
    let mut tokens = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if first.is_ascii_alphabetic() || first == '_' {
            let length = span(rest, |c| c.is_ascii_alphanumeric() || c == '_');
            (Token::Word(rest[..length].to_owned()), length)
        } else if first.is_ascii_digit() {
            number(rest, tokens.last() == Some(&Token::Sign(".")))?
        } else if first == '\'' || first == '"' {
            text(rest, first)?
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| Refusal::unreadable(format!("unexpected character `{first}`")))?;
            (Token::Sign(sign), sign.len())
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// Bytes of the leading characters of `text` that belong.
fn span(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// A number; behind a dot it is an index, so that `list.1.0` has two of them.
fn number(text: &str, is_index: bool) -> Result<(Token, usize), Refusal> {
    let digits = |from: usize| from + span(&text[from..], |c| c.is_ascii_digit());
    let mut end = digits(0);
    if !is_index {
        if text[end..].starts_with('.') && digits(end + 1) > end + 1 {
            end = digits(end + 1);
        }
        if text[end..].starts_with(['e', 'E']) {
            let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
            if digits(end + 1 + sign) > end + 1 + sign {
                end = digits(end + 1 + sign);
            }
        }
    }
    let shown = &text[..end];
    let wrong = || Refusal::unreadable(format!("the number `{}` is too large", cut(shown)));
    let number = match shown.parse::<u64>() {
        Ok(whole) => Number::from(whole),
        Err(_) if shown.contains(['.', 'e', 'E']) => {
            shown.parse().ok().and_then(Number::from_f64).ok_or_else(wrong)?
        }
        Err(_) => return Err(wrong()),
    };
    Ok((Token::Number(number), end))
}

fn text(text: &str, quote: char) -> Result<(Token, usize), Refusal> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Ok((Token::Text(value), at + quote.len_utf8())),
            '\\' => {
                let (at, escaped) = chars.next().ok_or_else(unclosed)?;
                match escaped {
                    'n' => value.push('\n'),
                    'r' => value.push('\r'),
                    't' => value.push('\t'),
                    'b' => value.push('\u{8}'),
                    'f' => value.push('\u{c}'),
                    '"' | '\'' | '\\' | '/' => value.push(escaped),
                    'u' => {
                        let hex = text.get(at + 1..at + 5).unwrap_or_default();
                        value.push(character(hex)?);
                        chars.nth(3);
                    }
                    other => value.extend(['\\', other]),
                }
            }
            _ => value.push(c),
        }
    }
    Err(unclosed())
}

fn unclosed() -> Refusal {
    Refusal::unreadable("a text has no closing quote")
}

fn character(hex: &str) -> Result<char, Refusal> {
    let is_hex = hex.len() == 4 && hex.chars().all(|c| c.is_ascii_hexdigit());
    let code = if is_hex { u32::from_str_radix(hex, 16).ok() } else { None };
    code.and_then(char::from_u32).ok_or_else(|| {
        Refusal::unreadable(format!("`\\u{hex}` is no character; write it as it is, or as four hex digits"))
    })
}

impl Token {
    /// The constant that a token is.
    pub fn constant(&self) -> Option<Value> {
        match self {
            Token::Text(text) => Some(Value::String(text.clone())),
            Token::Number(number) => Some(Value::Number(number.clone())),
            Token::Word(word) => match word.as_str() {
                "true" | "True" => Some(Value::Bool(true)),
                "false" | "False" => Some(Value::Bool(false)),
                "none" | "None" => Some(Value::Null),
                _ => None,
            },
            Token::Sign(_) => None,
        }
    }
}
