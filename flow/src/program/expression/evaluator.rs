//! The state of one evaluation. Every value is counted while it is made: in units of work, and in bytes of its JSON.

use super::values::{Lookup, MAX_OUTPUT_BYTES, MAX_WORK, as_text, too_long};
use crate::json::encoded_within;
use crate::program::work::Work;
use serde_json::Value;
use std::borrow::Cow;

/// Units of work of one part of an expression.
pub(super) const PART: usize = 8;

/// A value while it is computed; `None` is what has no value.
pub(super) type Operand<'v> = Option<Cow<'v, Value>>;

/// Why there is no result.
#[derive(Debug, PartialEq)]
pub(crate) enum Fault {
    /// The expression cannot be computed from these values.
    Wrong(String),
    /// The step has no work left.
    Exhausted,
}

pub(super) fn wrong(message: impl Into<String>) -> Fault {
    Fault::Wrong(message.into())
}

/// One evaluation.
pub(super) struct Evaluator<'v, 'w> {
    pub variables: &'v dyn Lookup,
    pub work: &'w mut Work,
    /// Units that this expression may still use.
    pub left: usize,
    /// Paths that had no value.
    pub missing: Vec<String>,
}

/// Work and sizes.
impl<'v> Evaluator<'v, '_> {
    pub fn charge(&mut self, units: usize) -> Result<(), Fault> {
        self.left = self.left.checked_sub(units).ok_or_else(|| {
            let most = MAX_WORK;
            wrong(format!("it needs more than {most} units of work; compute less in one expression"))
        })?;
        self.work.charge(units).map_err(|_| Fault::Exhausted)
    }

    /// Bytes of a value's JSON, which must be within the limit.
    pub fn size(&mut self, value: &Value) -> Result<usize, Fault> {
        let size = match value {
            Value::String(text) => text.len() + 2,
            value => encoded_within(value, MAX_OUTPUT_BYTES).ok_or_else(|| wrong(too_long()))?,
        };
        // The parts of an object are allocated one by one when it is copied.
        let per_unit = if matches!(value, Value::Object(_) | Value::Array(_)) { 1 } else { 4 };
        self.charge(size / per_unit + 1)?;
        Ok(size)
    }

    /// Texts one behind the other.
    pub fn joined(&mut self, parts: &[&str]) -> Result<String, Fault> {
        let mut joined = String::new();
        for part in parts {
            self.push(&mut joined, part)?;
        }
        Ok(joined)
    }

    /// Appends to a text, within the limit.
    pub fn push(&mut self, text: &mut String, more: &str) -> Result<(), Fault> {
        self.charge(more.len() / 8 + 1)?;
        if text.len() + more.len() > MAX_OUTPUT_BYTES {
            return Err(wrong(too_long()));
        }
        text.push_str(more);
        Ok(())
    }

    pub fn list(&self) -> List {
        List { items: Vec::new(), size: 2 }
    }

    /// A value as text: a text as it is, nothing as an empty one, anything else as JSON.
    pub fn text<'a>(&mut self, operand: &'a Operand) -> Result<Cow<'a, str>, Fault> {
        match operand.as_deref() {
            None => Ok(Cow::Borrowed("")),
            Some(Value::String(text)) => {
                self.charge(text.len() / 8 + 1)?;
                Ok(Cow::Borrowed(text))
            }
            Some(value) => {
                let size = self.size(value)?;
                self.charge(size)?;
                Ok(Cow::Owned(as_text(value)))
            }
        }
    }
}

/// A list while it is made, within the limit of bytes.
pub(super) struct List {
    items: Vec<Value>,
    size: usize,
}

impl List {
    /// Adds a copy.
    pub fn copy(&mut self, evaluator: &mut Evaluator, value: &Value) -> Result<(), Fault> {
        self.take(evaluator, value)?;
        self.items.push(value.clone());
        Ok(())
    }

    pub fn push(&mut self, evaluator: &mut Evaluator, value: Value) -> Result<(), Fault> {
        self.take(evaluator, &value)?;
        self.items.push(value);
        Ok(())
    }

    fn take(&mut self, evaluator: &mut Evaluator, value: &Value) -> Result<(), Fault> {
        evaluator.charge(PART)?;
        self.size += evaluator.size(value)? + 1;
        if self.size > MAX_OUTPUT_BYTES { Err(wrong(too_long())) } else { Ok(()) }
    }

    pub fn done<'v>(self) -> Operand<'v> {
        Some(Cow::Owned(Value::Array(self.items)))
    }

    pub fn into_value(self) -> Value {
        Value::Array(self.items)
    }
}

pub(super) fn owned<'v>(value: impl Into<Value>) -> Operand<'v> {
    Some(Cow::Owned(value.into()))
}

/// A field of an object, or an item of a list by its number.
pub(super) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    }
}

/// A whole number, or none.
pub(super) fn whole(operand: &Operand, what: &str) -> Result<Option<i64>, Fault> {
    match operand.as_deref() {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| {
            wrong(format!("{what} is {}, expected a whole number", crate::json::shown(value)))
        }),
    }
}

/// The kind of a value, for messages.
pub(super) fn kind(operand: &Operand) -> &'static str {
    match operand.as_deref() {
        None => "nothing",
        Some(Value::Null) => "none",
        Some(Value::Bool(_)) => "true or false",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a text",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    }
}
