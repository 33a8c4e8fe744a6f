//! Filters of numbers.

use super::super::evaluator::{Evaluator, Fault, Operand, owned, wrong};
use super::super::filter::Arguments;
use super::super::operators::Numeric;
use super::super::values::is_true;
use crate::json::shown;
use serde_json::Value;
use std::borrow::Cow;

type Outcome<'v> = Result<Operand<'v>, Fault>;

fn number<'v>(number: Numeric) -> Outcome<'v> {
    Ok(Some(Cow::Owned(number.into_value()?)))
}

pub(super) fn truth<'v>(_: &mut Evaluator<'v, '_>, value: Operand<'v>, _: &Arguments<'v>) -> Outcome<'v> {
    Ok(owned(value.as_deref().is_some_and(is_true)))
}

pub(super) fn abs<'v>(
    _: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    arguments: &Arguments<'v>,
) -> Outcome<'v> {
    match value.as_deref().and_then(Numeric::of) {
        Some(Numeric::Whole(whole)) => number(Numeric::Whole(whole.abs())),
        Some(Numeric::Fraction(fraction)) => number(Numeric::Fraction(fraction.abs())),
        None => Err(arguments.refuses(&value, "a number")),
    }
}

/// The whole number that a value is, cut off towards zero; `default` if it is none.
pub(super) fn int<'v>(
    e: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    arguments: &Arguments<'v>,
) -> Outcome<'v> {
    let base = arguments.count(1)?.and_then(|base| u32::try_from(base).ok()).unwrap_or(10);
    if !(2..=36).contains(&base) {
        return Err(wrong(format!("`base` of the filter `int` is {base}, expected 2 to 36")));
    }
    let found = match value.as_deref() {
        None | Some(Value::Null) => Some(Numeric::Whole(0)).filter(|_| arguments.get(0).is_none()),
        Some(Value::Bool(yes)) => Some(Numeric::Whole(i128::from(*yes))),
        Some(Value::Number(_)) => value.as_deref().and_then(Numeric::of),
        Some(Value::String(text)) => {
            e.charge(text.len() / 8)?;
            parsed(text.trim(), base)
        }
        Some(_) => None,
    };
    let whole = found.map(|found| match found {
        Numeric::Fraction(fraction) => Numeric::Whole(fraction.trunc() as i128),
        whole => whole,
    });
    or_default(whole, &value, arguments, "a whole number")
}

fn parsed(text: &str, base: u32) -> Option<Numeric> {
    if text.len() > 64 {
        return None;
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let digits = digits.strip_prefix(prefix).unwrap_or(digits);
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let whole = i128::from_str_radix(&format!("{sign}{digits}"), base).ok().map(Numeric::Whole);
    whole.or_else(|| fraction(text).filter(|_| base == 10))
}

fn fraction(text: &str) -> Option<Numeric> {
    let starts = text.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit() || c == '.');
    text.parse::<f64>().ok().filter(|number| starts && number.is_finite()).map(Numeric::Fraction)
}

pub(super) fn float<'v>(
    e: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    arguments: &Arguments<'v>,
) -> Outcome<'v> {
    let found = match value.as_deref() {
        None | Some(Value::Null) => Some(0.0).filter(|_| arguments.get(0).is_none()),
        Some(Value::Bool(yes)) => Some(f64::from(u8::from(*yes))),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) if text.len() <= 64 => {
            e.charge(8)?;
            fraction(text.trim()).map(Numeric::as_f64)
        }
        Some(_) => None,
    };
    or_default(found.map(Numeric::Fraction), &value, arguments, "a number")
}

fn or_default<'v>(
    found: Option<Numeric>,
    value: &Operand<'v>,
    arguments: &Arguments<'v>,
    what: &str,
) -> Outcome<'v> {
    match (found, arguments.get(0)) {
        (Some(found), _) => number(found),
        (None, default @ Some(_)) => Ok(default.clone()),
        (None, None) => {
            let got = value.as_deref().map_or_else(|| "nothing".to_owned(), shown);
            let name = arguments.of.name;
            Err(wrong(format!("{got} is not {what}; give `{name}` a value for this case: `{name}(0)`")))
        }
    }
}

pub(super) fn round<'v>(
    _: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    arguments: &Arguments<'v>,
) -> Outcome<'v> {
    let precision = arguments.whole(0)?.unwrap_or(0);
    if !(0..=15).contains(&precision) {
        return Err(wrong(format!("`precision` of the filter `round` is {precision}, expected 0 to 15")));
    }
    let method = arguments.text(1)?.unwrap_or("common");
    let number = match value.as_deref().and_then(Numeric::of) {
        Some(Numeric::Fraction(number)) => number,
        Some(Numeric::Whole(_)) => return Ok(value),
        None => return Err(arguments.refuses(&value, "a number")),
    };
    let factor = 10_f64.powi(i32::try_from(precision).unwrap_or(0));
    let places = usize::try_from(precision).unwrap_or(0);
    let rounded = match method {
        "common" => format!("{number:.places$}").parse().unwrap_or(number),
        "ceil" => (number * factor).ceil() / factor,
        "floor" => (number * factor).floor() / factor,
        other => {
            let what = format!("`method` of the filter `round` is `{}`", super::super::values::cut(other));
            return Err(wrong(format!("{what}, expected `common`, `ceil` or `floor`")));
        }
    };
    self::number(Numeric::Fraction(rounded))
}
