//! Filters of lists and objects.

use super::super::evaluator::{Evaluator, Fault, Operand, field, kind, owned, wrong};
use super::super::filter::Arguments;
use super::super::operator::Operator;
use super::super::operators::{Numeric, arithmetic};
use super::super::predicates;
use super::super::values::{cut, is_true};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

type Outcome<'v> = Result<Operand<'v>, Fault>;

/// Units of work that each comparison of a sort costs at most, besides the bytes of its texts.
const COMPARISON: usize = 4;

/// The value at a path such as `address.city`.
fn attribute<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').take(64).try_fold(value, field)
}

/// What an item is judged by: itself, or a field of it; texts in lower case unless the case counts.
fn key(item: &Value, path: Option<&str>, case_sensitive: bool) -> Option<Value> {
    let key = match path {
        Some(path) => attribute(item, path)?,
        None => item,
    };
    Some(match key {
        Value::String(text) if !case_sensitive => Value::String(text.to_lowercase()),
        key => key.clone(),
    })
}

pub(super) fn length<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    Ok(owned(match value.as_deref() {
        None => 0,
        Some(Value::String(text)) => {
            e.charge(text.len() / 4)?;
            text.chars().count()
        }
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(fields)) => fields.len(),
        Some(_) => return Err(a.refuses(&value, "a text, a list or an object")),
    }))
}

pub(super) fn list<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    Ok(owned(e.iterated(value, a)?))
}

pub(super) fn attr<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    let (Some(value), Some(name)) = (&value, a.text(0)?) else { return Ok(None) };
    let Some(found) = field(value, name) else { return Ok(None) };
    e.size(found)?;
    Ok(owned(found.clone()))
}

pub(super) fn first<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    end(e, value, a, |items| items.first(), |text| text.chars().next())
}

pub(super) fn last<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    end(e, value, a, |items| items.last(), |text| text.chars().next_back())
}

fn end<'v>(
    e: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    a: &Arguments<'v>,
    of_list: fn(&[Value]) -> Option<&Value>,
    of_text: fn(&str) -> Option<char>,
) -> Outcome<'v> {
    match value.as_deref() {
        None => Ok(None),
        Some(Value::String(text)) => Ok(of_text(text).and_then(|c| owned(c.to_string()))),
        Some(Value::Array(items)) => {
            let Some(item) = of_list(items) else { return Ok(None) };
            e.size(item)?;
            Ok(owned(item.clone()))
        }
        Some(_) => Err(a.refuses(&value, "a text or a list")),
    }
}

pub(super) fn reverse<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    if let Some(Value::String(text)) = value.as_deref() {
        e.charge(text.len() * 2)?;
        return Ok(owned(text.chars().rev().collect::<String>()));
    }
    let mut items = e.iterated(value, a)?;
    items.reverse();
    Ok(owned(items))
}

pub(super) fn join<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    let between = e.text(a.get(0))?;
    let path = a.path(1)?;
    let mut joined = String::new();
    for (number, item) in e.iterated(value, a)?.iter().enumerate() {
        let item = match path {
            Some(path) => attribute(item, path),
            None => Some(item),
        };
        if number > 0 {
            e.push(&mut joined, &between)?;
        }
        let item = item.map(Cow::Borrowed);
        let text = e.text(&item)?;
        e.push(&mut joined, &text)?;
    }
    Ok(owned(joined))
}

pub(super) fn items<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    let fields = match value.as_deref() {
        None => return Ok(owned(Value::Array(vec![]))),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(a.refuses(&value, "an object")),
    };
    let mut list = e.list();
    for (key, value) in fields {
        e.size(value)?;
        list.push(e, json!([key, value]))?;
    }
    Ok(list.done())
}

pub(super) fn dictsort<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    let by = match a.text(1)? {
        None | Some("key") => "0",
        Some("value") => "1",
        Some(other) => {
            let what = format!("`by` of the filter `dictsort` is `{}`", cut(other));
            return Err(wrong(format!("{what}, expected `key` or `value`")));
        }
    };
    let pairs = items(e, value, a)?;
    let pairs = e.iterated(pairs, a)?;
    sorted(e, pairs, Some(by), a.flag(0), a.flag(2))
}

pub(super) fn sort<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    let items = e.iterated(value, a)?;
    sorted(e, items, a.path(2)?, a.flag(1), a.flag(0))
}

fn sorted<'v>(
    e: &mut Evaluator<'v, '_>,
    items: Vec<Value>,
    path: Option<&str>,
    case_sensitive: bool,
    reverse: bool,
) -> Outcome<'v> {
    let mut keyed = Vec::with_capacity(items.len());
    let mut bytes = 0;
    for item in items {
        let key = key(&item, path, case_sensitive).unwrap_or(Value::Null);
        bytes += e.size(&key)?;
        keyed.push((key, item));
    }
    let rounds = keyed.len().checked_ilog2().map_or(1, |rounds| rounds as usize + 1);
    e.charge(rounds * (keyed.len() * COMPARISON + bytes / 8))?;
    // The first error of a comparison decides; the order is of no use then.
    let mut fault = None;
    keyed.sort_by(|(one, _), (other, _)| match comparable(one, other) {
        Ok(order) if reverse => order.reverse(),
        Ok(order) => order,
        Err(what) => {
            fault.get_or_insert(what);
            Ordering::Equal
        }
    });
    match fault {
        Some(fault) => Err(fault),
        None => Ok(owned(keyed.into_iter().map(|(_, item)| item).collect::<Vec<_>>())),
    }
}

/// The order of two keys of a sort.
fn comparable(one: &Value, other: &Value) -> Result<Ordering, Fault> {
    match (one, other) {
        (Value::Number(_), Value::Number(_)) => {
            let both = Numeric::of(one).zip(Numeric::of(other));
            Ok(both.map_or(Ordering::Equal, |(one, other)| one.order(other)))
        }
        (Value::String(one), Value::String(other)) => Ok(one.cmp(other)),
        (Value::Bool(one), Value::Bool(other)) => Ok(one.cmp(other)),
        (Value::Null, Value::Null) => Ok(Ordering::Equal),
        _ => {
            let kind = |value| kind(&Some(Cow::Borrowed(value)));
            let what = format!("{} and {} cannot be sorted", kind(one), kind(other));
            Err(wrong(format!("{what}; sort numbers, texts, or name a field by `attribute`")))
        }
    }
}

pub(super) fn min<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    extreme(e, value, a, Ordering::Less)
}

pub(super) fn max<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    extreme(e, value, a, Ordering::Greater)
}

fn extreme<'v>(
    e: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    a: &Arguments<'v>,
    wanted: Ordering,
) -> Outcome<'v> {
    let mut best: Option<(Operand, Value)> = None;
    for item in e.iterated(value, a)? {
        e.size(&item)?;
        let key = key(&item, a.path(1)?, a.flag(0)).map(Cow::Owned);
        let is_better = match &best {
            None => true,
            Some((best, _)) => e.order(&key, best)? == wanted,
        };
        if is_better {
            best = Some((key, item));
        }
    }
    Ok(best.and_then(|(_, item)| owned(item)))
}

pub(super) fn sum<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    let number =
        |value: &Value| Numeric::of(value).ok_or_else(|| a.refuses(&Some(Cow::Borrowed(value)), "numbers"));
    let mut total = a.get(1).as_deref().map_or(Ok(Numeric::Whole(0)), number)?;
    for item in e.iterated(value, a)? {
        e.charge(COMPARISON)?;
        let item = match a.path(0)? {
            Some(path) => attribute(&item, path),
            None => Some(&item),
        };
        if let Some(item) = item {
            total = arithmetic(Operator::Add, total, number(item)?)?;
        }
    }
    Ok(Some(Cow::Owned(total.into_value()?)))
}

pub(super) fn unique<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    let mut seen = BTreeSet::new();
    let mut unique = Vec::new();
    for item in e.iterated(value, a)? {
        let key = key(&item, a.path(1)?, a.flag(0)).unwrap_or(Value::Null);
        let size = e.size(&key)?;
        e.charge(size + 16 * COMPARISON)?;
        if seen.insert(key.to_string()) {
            unique.push(item);
        }
    }
    Ok(owned(unique))
}

pub(super) fn batch<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    let count = a.count(0)?.filter(|count| *count > 0);
    let count = count.ok_or_else(|| wrong("`count` of the filter `batch` is 0"))?;
    let items = e.iterated(value, a)?;
    let mut list = e.list();
    for chunk in items.chunks(count) {
        let fill = if chunk.len() < count { a.get(1).as_deref() } else { None };
        let filled = filled(e, chunk, fill, count - chunk.len())?;
        list.push(e, filled)?;
    }
    Ok(list.done())
}

pub(super) fn slice<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    let count = a.count(0)?.filter(|count| *count > 0);
    let count = count.ok_or_else(|| wrong("`count` of the filter `slice` is 0"))?;
    let items = e.iterated(value, a)?;
    let (size, larger) = (items.len() / count, items.len() % count);
    let mut list = e.list();
    let mut rest = items.as_slice();
    for number in 0..count {
        let (chunk, after) = rest.split_at(size + usize::from(number < larger));
        rest = after;
        let fill = if larger > 0 && number >= larger { a.get(1).as_deref() } else { None };
        let filled = filled(e, chunk, fill, 1)?;
        list.push(e, filled)?;
    }
    Ok(list.done())
}

/// A list of `items`, and `times` the value that fills it up.
fn filled(e: &mut Evaluator, items: &[Value], fill: Option<&Value>, times: usize) -> Result<Value, Fault> {
    let mut list = e.list();
    for item in items {
        list.copy(e, item)?;
    }
    if let Some(fill) = fill {
        for _ in 0..times {
            list.copy(e, fill)?;
        }
    }
    Ok(list.into_value())
}

/// `map('filter', …)` or `map(attribute='name', default=…)`
pub(super) fn map<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    let mut list = e.list();
    if let Some(path) = a.path(1)?.filter(|_| a.get(0).is_none()) {
        for item in e.iterated(value, a)? {
            let found = attribute(&item, path).or(a.get(2).as_deref()).unwrap_or(&Value::Null);
            list.copy(e, found)?;
        }
        return Ok(list.done());
    }
    let name =
        a.text(0)?.ok_or_else(|| wrong("the filter `map` needs the name of a filter or `attribute`"))?;
    let filter = a.applied.ok_or_else(|| wrong(format!("there is no filter `{}`", cut(name))))?;
    if filter.takes_more {
        return Err(wrong(format!("the filter `map` cannot apply `{}`", filter.name)));
    }
    let given: Vec<Option<Operand>> = a.given.iter().skip(1).take(filter.parameters.len()).cloned().collect();
    let missing = (0..filter.required).find(|at| given.get(*at).is_none_or(Option::is_none));
    if let Some(at) = missing {
        return Err(wrong(format!("the filter `{}` needs `{}`", filter.name, filter.parameters[at])));
    }
    let arguments = Arguments { of: filter, given, applied: None };
    for item in e.iterated(value, a)? {
        e.charge(COMPARISON)?;
        let mapped = (filter.run)(e, Some(Cow::Owned(item)), &arguments)?;
        list.push(e, mapped.map_or(Value::Null, Cow::into_owned))?;
    }
    Ok(list.done())
}

pub(super) fn select<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    chosen(e, value, a, None, 0, true)
}

pub(super) fn reject<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, a: &Arguments<'v>) -> Outcome<'v> {
    chosen(e, value, a, None, 0, false)
}

pub(super) fn selectattr<'v>(
    e: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    a: &Arguments<'v>,
) -> Outcome<'v> {
    chosen(e, value, a, a.path(0)?, 1, true)
}

pub(super) fn rejectattr<'v>(
    e: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    a: &Arguments<'v>,
) -> Outcome<'v> {
    chosen(e, value, a, a.path(0)?, 1, false)
}

/// The items for which a test (or without one, their own truth) comes to `wanted`.
fn chosen<'v>(
    e: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    a: &Arguments<'v>,
    path: Option<&str>,
    test_at: usize,
    wanted: bool,
) -> Outcome<'v> {
    let predicate = match a.text(test_at)? {
        None => None,
        Some(name) => {
            let found = predicates::find(name);
            Some(found.ok_or_else(|| wrong(format!("there is no test `{}`", cut(name))))?)
        }
    };
    let given: Vec<Operand> = a.given.iter().skip(test_at + 1).flatten().cloned().collect();
    if let Some(predicate) = predicate.filter(|predicate| predicate.arguments != given.len()) {
        let what = format!("the test `{}` has {} values", predicate.name, given.len());
        return Err(wrong(format!("{what}, it takes {}", predicate.arguments)));
    }
    let mut list = e.list();
    for item in e.iterated(value, a)? {
        let judged = match path {
            Some(path) => attribute(&item, path),
            None => Some(&item),
        };
        let holds = match predicate {
            Some(predicate) => (predicate.holds)(e, &judged.map(Cow::Borrowed), &given)?,
            None => judged.is_some_and(is_true),
        };
        if holds == wanted {
            list.push(e, item)?;
        }
    }
    Ok(list.done())
}
