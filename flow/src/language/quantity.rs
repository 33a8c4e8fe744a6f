//! The number of a document's expressions and their bytes, counted before any of them is compiled.

use crate::finding::{self, Report, child};
use crate::program::expression;
use serde_json::Value;

/// Maximum number of expressions of a document.
const MAX_EXPRESSIONS: usize = 2_000;
/// Maximum of bytes of all expressions of a document.
const MAX_BYTES: usize = 128 * 1024;

/// Options that are expressions without `${…}`.
const BARE: &[(&str, &str)] = &[("condition", "expression"), ("branch", "variable")];

#[derive(Default)]
struct Quantity {
    number: usize,
    bytes: usize,
    /// The text with which a limit was passed.
    beyond: Option<String>,
}

/// Whether the actions have few enough expressions; a finding tells if not.
pub(super) fn is_within_limits(actions: &[Value], report: &mut Report) -> bool {
    let mut quantity = Quantity::default();
    for (index, action) in actions.iter().enumerate() {
        let pointer = format!("/actions/{index}/option");
        let Some(option) = action.get("option") else { continue };
        quantity.add_all(option, &pointer);
        for (kind, key) in BARE {
            let is_of_kind = action.get("type").and_then(Value::as_str) == Some(kind);
            let bare =
                option.get(key).and_then(Value::as_str).filter(|text| is_of_kind && !text.contains("${"));
            if let Some(text) = bare {
                quantity.add(1, text.len(), &child(&pointer, key));
            }
        }
    }
    let Some(pointer) = quantity.beyond else { return true };
    let what = format!(
        "The document has {} expressions with {} bytes, the limits are {MAX_EXPRESSIONS} and {MAX_BYTES}; here a limit \
         is passed.",
        quantity.number, quantity.bytes
    );
    report.add(finding::EXPRESSIONS, pointer, what, "Move parts of the flow into subroutines.");
    false
}

impl Quantity {
    fn add_all(&mut self, value: &Value, pointer: &str) {
        match value {
            Value::String(text) if text.contains("${") => {
                let (number, bytes) = expression::count(text);
                self.add(number, bytes, pointer);
            }
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, item)| self.add_all(item, &format!("{pointer}/{index}"))),
            Value::Object(fields) => {
                fields.iter().for_each(|(key, value)| self.add_all(value, &child(pointer, key)))
            }
            _ => {}
        }
    }

    fn add(&mut self, number: usize, bytes: usize, pointer: &str) {
        self.number += number;
        self.bytes += bytes;
        if self.beyond.is_none() && (self.number > MAX_EXPRESSIONS || self.bytes > MAX_BYTES) {
            self.beyond = Some(pointer.to_owned());
        }
    }
}
