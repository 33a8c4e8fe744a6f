//! The filters of expressions: their names, their parameters, and what they have in common.

mod lists;
mod numbers;
mod texts;

use super::evaluate::{Evaluator, Fault, Operand, whole, wrong};
use super::is_true;
use super::operators::kind;
use serde_json::Value;
use std::borrow::Cow;

type Run = for<'v, 'w, 'e> fn(
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

const fn filter(
    name: &'static str,
    parameters: &'static [&'static str],
    required: usize,
    run: Run,
) -> Filter {
    Filter { name, parameters, required, takes_more: false, test_at: None, run }
}

/// A filter that applies a test to each item.
const fn choosing(name: &'static str, parameters: &'static [&'static str], run: Run) -> Filter {
    let test_at = Some(parameters.len() - 1);
    Filter { name, parameters, required: parameters.len() - 1, takes_more: true, test_at, run }
}

static FILTERS: &[Filter] = &[
    filter("abs", &[], 0, numbers::abs),
    filter("attr", &["name"], 1, lists::attr),
    filter("batch", &["count", "fill_with"], 1, lists::batch),
    filter("bool", &[], 0, numbers::truth),
    filter("capitalize", &[], 0, texts::capitalize),
    filter("count", &[], 0, lists::length),
    filter("default", &["default_value", "boolean"], 0, unchanged),
    filter("dictsort", &["case_sensitive", "by", "reverse"], 0, lists::dictsort),
    filter("first", &[], 0, lists::first),
    filter("float", &["default"], 0, numbers::float),
    filter("indent", &["width", "first", "blank"], 0, texts::indent),
    filter("int", &["default", "base"], 0, numbers::int),
    filter("items", &[], 0, lists::items),
    filter("join", &["d", "attribute"], 0, lists::join),
    filter("last", &[], 0, lists::last),
    filter("length", &[], 0, lists::length),
    filter("lines", &[], 0, texts::lines),
    filter("list", &[], 0, lists::list),
    filter("lower", &[], 0, texts::lower),
    Filter {
        name: "map",
        parameters: &["filter", "attribute", "default"],
        required: 0,
        takes_more: true,
        test_at: None,
        run: lists::map,
    },
    filter("max", &["case_sensitive", "attribute"], 0, lists::max),
    filter("min", &["case_sensitive", "attribute"], 0, lists::min),
    choosing("reject", &["test"], lists::reject),
    choosing("rejectattr", &["attribute", "test"], lists::rejectattr),
    filter("replace", &["old", "new", "count"], 2, texts::replace),
    filter("reverse", &[], 0, lists::reverse),
    filter("round", &["precision", "method"], 0, numbers::round),
    choosing("select", &["test"], lists::select),
    choosing("selectattr", &["attribute", "test"], lists::selectattr),
    filter("slice", &["count", "fill_with"], 1, lists::slice),
    filter("sort", &["reverse", "case_sensitive", "attribute"], 0, lists::sort),
    filter("split", &["split", "maxsplit"], 0, texts::split),
    filter("string", &[], 0, texts::string),
    filter("sum", &["attribute", "start"], 0, lists::sum),
    filter("title", &[], 0, texts::title),
    filter("tojson", &[], 0, texts::tojson),
    filter("trim", &["chars"], 0, texts::trim),
    filter("unique", &["case_sensitive", "attribute"], 0, lists::unique),
    filter("upper", &[], 0, texts::upper),
];

/// The filter of a name; `d` is `default`.
pub(super) fn find(name: &str) -> Option<&'static Filter> {
    let name = if name == "d" { "default" } else { name };
    FILTERS.iter().find(|filter| filter.name == name)
}

pub(super) fn names() -> Vec<&'static str> {
    FILTERS.iter().map(|filter| filter.name).collect()
}

/// `default`, whose value the evaluator itself chooses.
fn unchanged<'v>(
    _: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    arguments: &Arguments<'v>,
) -> Result<Operand<'v>, Fault> {
    Ok(if value.is_some() { value } else { arguments.get(0).clone() })
}

/// The arguments of a filter, in the order of its parameters.
pub(super) struct Arguments<'v> {
    pub of: &'static Filter,
    /// `None` is an argument that is not given.
    pub given: Vec<Option<Operand<'v>>>,
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

    fn name(&self, at: usize) -> String {
        format!("`{}` of the filter `{}`", self.of.parameters.get(at).unwrap_or(&"a value"), self.of.name)
    }

    fn wrong(&self, at: usize, expected: &str) -> Fault {
        let got = self.get(at).as_deref().map_or_else(|| "nothing".to_owned(), crate::json::shown);
        wrong(format!("{} is {got}, expected {expected}", self.name(at)))
    }

    /// The error of a value that the filter does not take.
    fn refuses(&self, value: &Operand, takes: &str) -> Fault {
        wrong(format!("the filter `{}` takes {takes}, got {}", self.of.name, kind(value)))
    }
}

impl<'v> Evaluator<'v, '_> {
    /// The items of a list, the characters of a text, the keys of an object; nothing has no items.
    fn iterated(&mut self, value: Operand<'v>, arguments: &Arguments<'v>) -> Result<Vec<Value>, Fault> {
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
