//! The tests of expressions: `value is defined`, `value is divisibleby 3`.

use super::evaluator::{Evaluator, Fault, Operand, kind, wrong};
use super::operator::Operator;
use super::operators::Numeric;
use serde_json::Value;

type Holds =
    for<'v, 'w, 'e> fn(&'e mut Evaluator<'v, 'w>, &'e Operand<'e>, &'e [Operand<'v>]) -> Result<bool, Fault>;

/// A test of a value.
pub(super) struct Predicate {
    pub name: &'static str,
    /// Number of values that it takes besides the one that is tested.
    pub arguments: usize,
    /// Whether it asks if there is a value, so that a missing one is no surprise.
    pub asks_for_absence: bool,
    pub holds: Holds,
}

impl std::fmt::Debug for Predicate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn test(name: &'static str, arguments: usize, holds: Holds) -> Predicate {
    Predicate { name, arguments, asks_for_absence: false, holds }
}

static PREDICATES: &[Predicate] = &[
    Predicate { asks_for_absence: true, ..test("defined", 0, |_, value, _| Ok(value.is_some())) },
    Predicate { asks_for_absence: true, ..test("undefined", 0, |_, value, _| Ok(value.is_none())) },
    test("none", 0, |_, value, _| Ok(matches!(value.as_deref(), Some(Value::Null)))),
    test("true", 0, |_, value, _| Ok(matches!(value.as_deref(), Some(Value::Bool(true))))),
    test("false", 0, |_, value, _| Ok(matches!(value.as_deref(), Some(Value::Bool(false))))),
    test("boolean", 0, |_, value, _| Ok(value.as_deref().is_some_and(Value::is_boolean))),
    test("number", 0, |_, value, _| Ok(value.as_deref().is_some_and(Value::is_number))),
    test("integer", 0, |_, value, _| Ok(whole(value).is_some())),
    test("float", 0, |_, value, _| Ok(value.as_deref().is_some_and(Value::is_f64))),
    test("string", 0, |_, value, _| Ok(value.as_deref().is_some_and(Value::is_string))),
    test("sequence", 0, |_, value, _| Ok(value.as_deref().is_some_and(Value::is_array))),
    test("mapping", 0, |_, value, _| Ok(value.as_deref().is_some_and(Value::is_object))),
    test("odd", 0, |_, value, _| Ok(number(value)? % 2 != 0)),
    test("even", 0, |_, value, _| Ok(number(value)? % 2 == 0)),
    test("divisibleby", 1, |_, value, given| match number(first(given))? {
        0 => Err(wrong("the test `divisibleby` divides by zero")),
        by => Ok(number(value)? % by == 0),
    }),
    test("lower", 0, |e, value, _| same_in(e, value, |text| text.to_lowercase())),
    test("upper", 0, |e, value, _| same_in(e, value, |text| text.to_uppercase())),
    test("startingwith", 1, |e, value, given| Ok(e.text(value)?.starts_with(&*e.text(first(given))?))),
    test("endingwith", 1, |e, value, given| Ok(e.text(value)?.ends_with(&*e.text(first(given))?))),
    test("eq", 1, |e, value, given| e.compare(Operator::Equal, value, first(given))),
    test("equalto", 1, |e, value, given| e.compare(Operator::Equal, value, first(given))),
    test("sameas", 1, |e, value, given| e.compare(Operator::Equal, value, first(given))),
    test("ne", 1, |e, value, given| e.compare(Operator::Unequal, value, first(given))),
    test("lt", 1, |e, value, given| e.compare(Operator::Less, value, first(given))),
    test("le", 1, |e, value, given| e.compare(Operator::LessOrEqual, value, first(given))),
    test("gt", 1, |e, value, given| e.compare(Operator::Greater, value, first(given))),
    test("ge", 1, |e, value, given| e.compare(Operator::GreaterOrEqual, value, first(given))),
    test("in", 1, |e, value, given| e.compare(Operator::In, value, first(given))),
];

/// The test of a name or of a sign.
pub(super) fn find(name: &str) -> Option<&'static Predicate> {
    let name = match name {
        "int" => "integer",
        "==" => "eq",
        "!=" => "ne",
        "<" | "lessthan" => "lt",
        "<=" => "le",
        ">" | "greaterthan" => "gt",
        ">=" => "ge",
        name => name,
    };
    PREDICATES.iter().find(|predicate| predicate.name == name)
}

pub(super) fn names() -> Vec<&'static str> {
    PREDICATES.iter().map(|predicate| predicate.name).collect()
}

impl Predicate {
    /// The comparison that the test is, for the check of kinds before the flow runs.
    pub fn comparison(&self) -> Option<Operator> {
        Some(match self.name {
            "eq" | "equalto" | "sameas" => Operator::Equal,
            "ne" => Operator::Unequal,
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "in" => Operator::In,
            _ => return None,
        })
    }
}

fn first<'e, 'v>(given: &'e [Operand<'v>]) -> &'e Operand<'v> {
    given.first().unwrap_or(&None)
}

fn whole(value: &Operand) -> Option<i128> {
    match value.as_deref().and_then(Numeric::of)? {
        Numeric::Whole(whole) => Some(whole),
        Numeric::Fraction(_) => None,
    }
}

fn number(value: &Operand) -> Result<i128, Fault> {
    whole(value).ok_or_else(|| wrong(format!("the test takes a whole number, got {}", kind(value))))
}

/// Whether a text with a letter is the same after a change of its letters.
fn same_in(e: &mut Evaluator, value: &Operand, changed: fn(&str) -> String) -> Result<bool, Fault> {
    let Some(Value::String(text)) = value.as_deref() else { return Ok(false) };
    e.charge(text.len() * 4)?;
    Ok(text.chars().any(char::is_alphabetic) && changed(text) == *text)
}
