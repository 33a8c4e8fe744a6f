//! Arithmetic and comparison of JSON values. A text is never compared with a number: the answer would be a guess.

use super::evaluator::{Evaluator, Fault, Operand, kind, wrong};
use super::operator::Operator;
use serde_json::{Number, Value};
use std::borrow::Cow;
use std::cmp::Ordering;

/// A number: exact as long as it is whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numeric {
    Whole(i128),
    Fraction(f64),
}

use Numeric::{Fraction, Whole};

impl Numeric {
    pub fn of(value: &Value) -> Option<Numeric> {
        let number = value.as_number()?;
        let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        whole.map(Whole).or_else(|| number.as_f64().map(Fraction))
    }

    pub fn as_f64(self) -> f64 {
        match self {
            Whole(whole) => whole as f64,
            Fraction(fraction) => fraction,
        }
    }

    pub fn into_value(self) -> Result<Value, Fault> {
        let number = match self {
            Whole(whole) => i64::try_from(whole)
                .map(Number::from)
                .or_else(|_| u64::try_from(whole).map(Number::from))
                .ok(),
            Fraction(fraction) => Number::from_f64(fraction),
        };
        number.map(Value::Number).ok_or_else(|| wrong("the result is a number that is too large"))
    }

    pub fn order(self, other: Numeric) -> Ordering {
        match (self, other) {
            (Whole(one), Whole(other)) => one.cmp(&other),
            (one, other) => one.as_f64().partial_cmp(&other.as_f64()).unwrap_or(Ordering::Equal),
        }
    }
}

/// Whether one is a text and the other a number.
fn is_text_and_number(one: &Value, other: &Value) -> bool {
    matches!((one, other), (Value::String(_), Value::Number(_)) | (Value::Number(_), Value::String(_)))
}

fn incomparable(one: &Value, other: &Value) -> Fault {
    let shown = crate::json::shown;
    wrong(format!(
        "{} is {} and {} is {}: they cannot be compared; convert one with the filter `int`, `float` or `string`",
        shown(one),
        kind(&Some(Cow::Borrowed(one))),
        shown(other),
        kind(&Some(Cow::Borrowed(other))),
    ))
}

impl<'v> Evaluator<'v, '_> {
    /// Whether two values are equal.
    pub fn equal(&mut self, one: &Value, other: &Value) -> Result<bool, Fault> {
        self.charge(2)?;
        Ok(match (one, other) {
            _ if is_text_and_number(one, other) => return Err(incomparable(one, other)),
            (Value::Number(_), Value::Number(_)) => {
                let both = Numeric::of(one).zip(Numeric::of(other));
                both.is_some_and(|(one, other)| one.order(other) == Ordering::Equal)
            }
            (Value::String(one), Value::String(other)) => {
                self.charge(one.len().min(other.len()) / 8)?;
                one == other
            }
            (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
                for (one, other) in one.iter().zip(other) {
                    if !self.equal(one, other)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Object(one), Value::Object(other)) if one.len() == other.len() => {
                for ((key, one), (other_key, other)) in one.iter().zip(other) {
                    self.charge(key.len() / 8)?;
                    if key != other_key || !self.equal(one, other)? {
                        return Ok(false);
                    }
                }
                true
            }
            _ => one == other,
        })
    }

    /// The order of two numbers, two texts or two lists of them.
    pub fn order(&mut self, one: &Operand, other: &Operand) -> Result<Ordering, Fault> {
        self.charge(2)?;
        let (Some(first), Some(second)) = (one.as_deref(), other.as_deref()) else {
            let what = format!("{} cannot be compared with {}", kind(one), kind(other));
            return Err(wrong(format!("{what}; give what is missing a value with the filter `default`")));
        };
        match (first, second) {
            (Value::Number(_), Value::Number(_)) => {
                let both = Numeric::of(first).zip(Numeric::of(second));
                Ok(both.map_or(Ordering::Equal, |(first, second)| first.order(second)))
            }
            (Value::String(first), Value::String(second)) => {
                self.charge(first.len().min(second.len()) / 8)?;
                Ok(first.cmp(second))
            }
            (Value::Array(first), Value::Array(second)) => {
                for (one, other) in first.iter().zip(second) {
                    match self.order(&Some(Cow::Borrowed(one)), &Some(Cow::Borrowed(other)))? {
                        Ordering::Equal => {}
                        decided => return Ok(decided),
                    }
                }
                Ok(first.len().cmp(&second.len()))
            }
            _ => Err(incomparable(first, second)),
        }
    }

    /// Whether `needle` is an item of a list, a key of an object or a part of a text. An item that cannot be compared with
    /// it is an error unless another one is equal.
    pub fn contains(&mut self, container: &Operand, needle: &Operand) -> Result<bool, Fault> {
        match (container.as_deref(), needle.as_deref()) {
            (None, _) | (_, None) => Ok(false),
            (Some(Value::Array(items)), Some(needle)) => {
                let mut other_kind = None;
                for item in items {
                    if is_text_and_number(item, needle) {
                        self.charge(2)?;
                        other_kind = other_kind.or(Some(item));
                    } else if self.equal(item, needle)? {
                        return Ok(true);
                    }
                }
                other_kind.map_or(Ok(false), |item| Err(incomparable(needle, item)))
            }
            (Some(Value::Object(fields)), Some(Value::String(key))) => Ok(fields.contains_key(key)),
            (Some(Value::String(text)), Some(Value::String(part))) => {
                self.charge(text.len() / 2 + part.len())?;
                Ok(text.contains(part.as_str()))
            }
            _ => Err(wrong(format!("`in` cannot look for {} in {}", kind(needle), kind(container)))),
        }
    }

    /// A comparison, which gives true or false.
    pub fn compare(&mut self, operator: Operator, left: &Operand, right: &Operand) -> Result<bool, Fault> {
        let equal = |this: &mut Self| match (left.as_deref(), right.as_deref()) {
            (Some(left), Some(right)) => this.equal(left, right),
            (left, right) => Ok(left.is_none() && right.is_none()),
        };
        Ok(match operator {
            Operator::Equal => equal(self)?,
            Operator::Unequal => !equal(self)?,
            Operator::In => self.contains(right, left)?,
            Operator::NotIn => !self.contains(right, left)?,
            Operator::Less => self.order(left, right)?.is_lt(),
            Operator::LessOrEqual => self.order(left, right)?.is_le(),
            Operator::Greater => self.order(left, right)?.is_gt(),
            _ => self.order(left, right)?.is_ge(),
        })
    }

    /// `+`, `-`, `*`, `/`, `//`, `%` and `**` of two values.
    pub fn calculate(
        &mut self,
        operator: Operator,
        left: Operand<'v>,
        right: Operand<'v>,
    ) -> Result<Operand<'v>, Fault> {
        if operator == Operator::Add
            && let (Some(one), Some(other)) = (left.as_deref(), right.as_deref())
        {
            match (one, other) {
                (Value::String(one), Value::String(other)) => {
                    return Ok(Some(Cow::Owned(Value::String(self.joined(&[one, other])?))));
                }
                (Value::Array(one), Value::Array(other)) => {
                    let mut list = self.list();
                    for item in one.iter().chain(other) {
                        list.copy(self, item)?;
                    }
                    return Ok(list.done());
                }
                _ => {}
            }
        }
        let numbers = (left.as_deref().and_then(Numeric::of), right.as_deref().and_then(Numeric::of));
        let (Some(one), Some(other)) = numbers else {
            let what = format!("`{}` has {} and {}", operator.sign(), kind(&left), kind(&right));
            let takes = match operator {
                Operator::Add => "it adds numbers, and joins texts or lists",
                Operator::Multiply => "it multiplies numbers, and repeats nothing",
                _ => "it takes numbers",
            };
            return Err(wrong(format!("{what}; {takes}")));
        };
        Ok(Some(Cow::Owned(arithmetic(operator, one, other)?.into_value()?)))
    }
}

/// The negative of a number.
pub(super) fn negative(operand: &Operand) -> Result<Value, Fault> {
    match operand.as_deref().and_then(Numeric::of) {
        Some(Whole(whole)) => Whole(-whole).into_value(),
        Some(Fraction(fraction)) => Fraction(-fraction).into_value(),
        None => Err(wrong(format!("`-` has {}, it takes a number", kind(operand)))),
    }
}

pub(super) fn arithmetic(operator: Operator, one: Numeric, other: Numeric) -> Result<Numeric, Fault> {
    let too_large = || wrong("the result is a number that is too large");
    let divides = matches!(operator, Operator::Divide | Operator::DivideWhole | Operator::Remainder);
    if divides && other.as_f64() == 0.0 {
        return Err(wrong(format!("`{}` divides by zero", operator.sign())));
    }
    let (Whole(whole), Whole(by)) = (one, other) else {
        return Ok(Fraction(of_fractions(operator, one.as_f64(), other.as_f64())));
    };
    let result = match operator {
        Operator::Add => whole.checked_add(by),
        Operator::Subtract => whole.checked_sub(by),
        Operator::Multiply => whole.checked_mul(by),
        Operator::DivideWhole => Some(floor(whole, by)),
        Operator::Remainder => Some(whole - floor(whole, by) * by),
        Operator::Power if by >= 0 => u32::try_from(by).ok().and_then(|by| whole.checked_pow(by)),
        _ => return Ok(Fraction(of_fractions(operator, whole as f64, by as f64))),
    };
    result.map(Whole).ok_or_else(too_large)
}

fn floor(whole: i128, by: i128) -> i128 {
    let quotient = whole / by;
    if whole % by != 0 && (whole < 0) != (by < 0) { quotient - 1 } else { quotient }
}

fn of_fractions(operator: Operator, one: f64, other: f64) -> f64 {
    match operator {
        Operator::Add => one + other,
        Operator::Subtract => one - other,
        Operator::Multiply => one * other,
        Operator::Divide => one / other,
        Operator::DivideWhole => (one / other).floor(),
        Operator::Remainder => one - other * (one / other).floor(),
        _ => one.powf(other),
    }
}
