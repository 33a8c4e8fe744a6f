//! Limits of values, and what is common to all parts of expressions.

use serde_json::Value;
use std::borrow::Cow;

/// Maximum of levels of an expression: brackets, operators in a row, filters in a row, fields in a row.
pub(super) const MAX_DEPTH: usize = 64;
/// Maximum work of one expression, in units of [`crate::program::Work`].
pub(super) const MAX_WORK: usize = 400_000;
/// Maximum size of a value in bytes of its JSON, of a text in bytes.
pub(super) const MAX_OUTPUT_BYTES: usize = 64 * 1024;
/// Maximum number of missing variables that one text names.
pub(super) const MAX_MISSING: usize = 256;

/// Lookup of variables by expressions.
pub(crate) trait Lookup {
    /// The value at a path, for example `["call", "from"]`.
    fn path(&self, path: &[String]) -> Option<Cow<'_, Value>>;
}

pub(crate) fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A value as part of a text.
pub(crate) fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a value counts as true: everything except false, null, zero and empty values.
pub(crate) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

pub(super) fn too_long() -> String {
    format!("a value has more than {MAX_OUTPUT_BYTES} bytes, the limit of an expression")
}

pub(super) fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}
