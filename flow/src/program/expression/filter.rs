//! A filter: its parameters, and the arguments of one use.

use super::evaluator::{Evaluator, Fault, Operand, kind, whole, wrong};
use super::values::is_true;
use serde_json::Value;
use std::borrow::Cow;

pub(super) type Run = for<'v, 'w, 'e> fn(
    &'e mut Evaluator<'v, 'w>,
    Operand<'v>,
    &'e Arguments<'v>,
) -> Result<Operand<'v>, Fault>;

/// Maximum length of the path of a field in bytes.
const MAX_PATH: usize = 256;

/// A filter: `value | name(parameters)`.
pub(super) struct Filter {
    pub name: &'static str,
    pub parameters: &'static [&'static str],
    /// How many of the parameters must be given.
    pub required: usize,
    /// Whether further arguments follow, for the filter or the test that it applies.
    pub takes_more: bool,
    /// The position of the name of a test.
    pub test_at: Option<usize>,
    pub run: Run,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The arguments of a filter, in the order of its parameters.
pub(super) struct Arguments<'v> {
    pub of: &'static Filter,
    /// `None` is an argument that is not given.
    pub given: Vec<Option<Operand<'v>>>,
    /// The filter that `map` applies, if its first argument names one.
    pub applied: Option<&'static Filter>,
}

impl<'v> Arguments<'v> {
    pub fn get(&self, at: usize) -> &Operand<'v> {
        self.given.get(at).and_then(Option::as_ref).unwrap_or(&None)
    }

    /// A text, or `None` if it is not given or none.
    pub fn text(&self, at: usize) -> Result<Option<&str>, Fault> {
        match self.get(at).as_deref() {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(at, "a text")),
        }
    }

    /// The path of a field such as `address.city`, which each item is asked for.
    pub fn path(&self, at: usize) -> Result<Option<&str>, Fault> {
        match self.text(at)? {
            Some(path) if path.len() > MAX_PATH => Err(self.wrong(at, "at most 256 bytes")),
            path => Ok(path),
        }
    }

    pub fn whole(&self, at: usize) -> Result<Option<i64>, Fault> {
        whole(self.get(at), &self.name(at))
    }

    /// A whole number from 0.
    pub fn count(&self, at: usize) -> Result<Option<usize>, Fault> {
        let Some(count) = self.whole(at)? else { return Ok(None) };
        usize::try_from(count).map(Some).map_err(|_| self.wrong(at, "a whole number from 0"))
    }

    pub fn flag(&self, at: usize) -> bool {
        self.get(at).as_deref().is_some_and(is_true)
    }

    pub fn name(&self, at: usize) -> String {
        format!("`{}` of the filter `{}`", self.of.parameters.get(at).unwrap_or(&"a value"), self.of.name)
    }

    pub fn wrong(&self, at: usize, expected: &str) -> Fault {
        let got = self.get(at).as_deref().map_or_else(|| "nothing".to_owned(), crate::json::shown);
        wrong(format!("{} is {got}, expected {expected}", self.name(at)))
    }

    /// The error of a value that the filter does not take.
    pub fn refuses(&self, value: &Operand, takes: &str) -> Fault {
        wrong(format!("the filter `{}` takes {takes}, got {}", self.of.name, kind(value)))
    }
}

impl<'v> Evaluator<'v, '_> {
    /// The items of a list, the characters of a text, the keys of an object; nothing has no items.
    pub fn iterated(&mut self, value: Operand<'v>, arguments: &Arguments<'v>) -> Result<Vec<Value>, Fault> {
        let mut list = self.list();
        match value.as_deref() {
            None => {}
            Some(Value::Array(_)) => {
                // The list itself where it is ours, else a counted copy.
                if let Some(Cow::Owned(Value::Array(items))) = value {
                    self.charge(items.len())?;
                    return Ok(items);
                }
                for item in value.as_deref().and_then(Value::as_array).into_iter().flatten() {
                    list.copy(self, item)?;
                }
            }
            Some(Value::String(text)) => {
                for c in text.chars() {
                    list.push(self, c.to_string().into())?;
                }
            }
            Some(Value::Object(fields)) => {
                for key in fields.keys() {
                    list.push(self, key.as_str().into())?;
                }
            }
            Some(_) => return Err(arguments.refuses(&value, "a list")),
        }
        match list.into_value() {
            Value::Array(items) => Ok(items),
            _ => Ok(vec![]),
        }
    }
}
