//! The walk of the evaluator through the syntax tree.

use super::evaluator::{Evaluator, Fault, Operand, PART, field, kind, owned, whole, wrong};
use super::filter::{Arguments, Filter};
use super::filters;
use super::operator::Operator;
use super::operators::negative;
use super::predicates::Predicate;
use super::syntax::Node;
use super::values::{MAX_MISSING, MAX_OUTPUT_BYTES, is_true, too_long};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Units of work of a variable that is made for its lookup, besides its bytes.
const MADE: usize = 32;

/// The walk of the tree. Each kind of part has its own function, so that one level needs little of the stack.
impl<'v> Evaluator<'v, '_> {
    pub fn evaluate(&mut self, node: &'v Node) -> Result<Operand<'v>, Fault> {
        self.charge(PART)?;
        match node {
            Node::Constant(value) => Ok(Some(Cow::Borrowed(value))),
            Node::Path(path) => self.path(path),
            Node::List(items) => self.list_of(items),
            Node::Object(fields) => self.object_of(fields),
            Node::Field(value, name) => self.field_of(value, name),
            Node::Index(value, at) => self.index(value, at),
            Node::Slice(value, bounds) => self.slice(value, bounds),
            Node::Negative(value) => self.negative(value),
            Node::Not(value) => Ok(owned(!self.holds(value)?)),
            Node::Binary(operator, left, right) => self.binary(*operator, left, right),
            Node::Choice { condition, then, otherwise } => {
                let chosen = if self.holds(condition)? { Some(&**then) } else { otherwise.as_deref() };
                chosen.map_or(Ok(None), |node| self.evaluate(node))
            }
            Node::Filter(filter, value, arguments) => self.filter(filter, value, arguments),
            Node::Is(predicate, value, arguments) => self.is(predicate, value, arguments),
            Node::Range(bounds) => self.range(bounds),
        }
    }

    pub fn holds(&mut self, node: &'v Node) -> Result<bool, Fault> {
        Ok(self.evaluate(node)?.as_deref().is_some_and(is_true))
    }

    fn path(&mut self, path: &'v [String]) -> Result<Operand<'v>, Fault> {
        let found = self.variables.path(path);
        match &found {
            // Computed for this lookup, whatever its size.
            Some(Cow::Owned(value)) => {
                self.charge(MADE)?;
                self.size(value)?;
            }
            Some(Cow::Borrowed(_)) => {}
            None => {
                let name = path.join(".");
                self.charge(self.missing.len() / 4)?;
                if !self.missing.contains(&name) && self.missing.len() < MAX_MISSING {
                    self.missing.push(name);
                }
            }
        }
        Ok(found)
    }

    /// Evaluates a part whose absence is expected.
    pub fn tolerantly(&mut self, node: &'v Node) -> Result<Operand<'v>, Fault> {
        let known = self.missing.len();
        let operand = self.evaluate(node)?;
        self.missing.truncate(known);
        Ok(operand)
    }

    fn list_of(&mut self, items: &'v [Node]) -> Result<Operand<'v>, Fault> {
        let mut list = self.list();
        for item in items {
            let value = self.evaluate(item)?.map_or(Value::Null, Cow::into_owned);
            list.push(self, value)?;
        }
        Ok(list.done())
    }

    fn object_of(&mut self, fields: &'v [(Node, Node)]) -> Result<Operand<'v>, Fault> {
        let mut object = Map::new();
        let mut size = 2;
        for (key, value) in fields {
            let key = self.evaluate(key)?;
            let key = self.text(&key)?.into_owned();
            let value = self.evaluate(value)?.map_or(Value::Null, Cow::into_owned);
            self.charge(PART + key.len())?;
            size += key.len() + 4 + self.size(&value)?;
            if size > MAX_OUTPUT_BYTES {
                return Err(wrong(too_long()));
            }
            object.insert(key, value);
        }
        Ok(owned(object))
    }

    fn field_of(&mut self, value: &'v Node, name: &str) -> Result<Operand<'v>, Fault> {
        let Some(value) = self.evaluate(value)? else { return Ok(None) };
        self.part_of(value, |value| field(value, name))
    }

    /// A part of a value. A part of a computed value is copied.
    fn part_of(
        &mut self,
        value: Cow<'v, Value>,
        find: impl FnOnce(&Value) -> Option<&Value>,
    ) -> Result<Operand<'v>, Fault> {
        match value {
            Cow::Borrowed(value) => Ok(borrowed(value, find)),
            Cow::Owned(value) => {
                let Some(found) = find(&value) else { return Ok(None) };
                self.size(found)?;
                Ok(Some(Cow::Owned(found.clone())))
            }
        }
    }

    fn index(&mut self, value: &'v Node, at: &'v Node) -> Result<Operand<'v>, Fault> {
        let (value, at) = (self.evaluate(value)?, self.evaluate(at)?);
        let (Some(value), Some(at)) = (value, at) else { return Ok(None) };
        match &*at {
            Value::String(name) => self.part_of(value, |value| field(value, name)),
            Value::Number(_) if value.is_string() => {
                let text = value.as_str().unwrap_or_default();
                self.charge(text.len() * 2)?;
                let count = text.chars().count();
                let found = position(&at, count).and_then(|at| text.chars().nth(at));
                Ok(found.and_then(|c| owned(c.to_string())))
            }
            at => {
                let count = value.as_array().map_or(0, Vec::len);
                let Some(at) = position(at, count) else { return Ok(None) };
                self.part_of(value, |value| value.get(at))
            }
        }
    }

    fn slice(&mut self, value: &'v Node, bounds: &'v [Option<Node>; 3]) -> Result<Operand<'v>, Fault> {
        let value = self.evaluate(value)?;
        let mut given = [None, None, None];
        for (slot, bound) in given.iter_mut().zip(bounds) {
            if let Some(bound) = bound {
                let bound = self.evaluate(bound)?;
                *slot = whole(&bound, "a bound of `[:]`")?;
            }
        }
        let step = given[2].unwrap_or(1);
        if step == 0 {
            return Err(wrong("the step of `[::]` is 0"));
        }
        match value.as_deref() {
            None | Some(Value::Null) => Ok(owned(Value::Array(vec![]))),
            Some(Value::String(text)) => {
                self.charge(text.len() * 4)?;
                let chars: Vec<char> = text.chars().collect();
                let chosen = positions(given[0], given[1], step, chars.len()).map(|at| chars[at]);
                Ok(owned(chosen.collect::<String>()))
            }
            Some(Value::Array(items)) => {
                let mut list = self.list();
                for at in positions(given[0], given[1], step, items.len()) {
                    list.copy(self, &items[at])?;
                }
                Ok(list.done())
            }
            Some(_) => Err(wrong(format!("`[:]` takes a text or a list, got {}", kind(&value)))),
        }
    }

    fn negative(&mut self, value: &'v Node) -> Result<Operand<'v>, Fault> {
        let value = self.evaluate(value)?;
        Ok(Some(Cow::Owned(negative(&value)?)))
    }

    fn binary(&mut self, operator: Operator, left: &'v Node, right: &'v Node) -> Result<Operand<'v>, Fault> {
        let left = self.evaluate(left)?;
        if matches!(operator, Operator::And | Operator::Or) {
            let is_decided = left.as_deref().is_some_and(is_true) == (operator == Operator::Or);
            return if is_decided { Ok(left) } else { self.evaluate(right) };
        }
        let right = self.evaluate(right)?;
        match operator {
            Operator::Join => {
                let joined = [self.text(&left)?, self.text(&right)?];
                Ok(owned(self.joined(&[&joined[0], &joined[1]])?))
            }
            _ if operator.is_comparison() => Ok(owned(self.compare(operator, &left, &right)?)),
            _ => self.calculate(operator, left, right),
        }
    }

    fn range(&mut self, bounds: &'v [Node]) -> Result<Operand<'v>, Fault> {
        let mut given = Vec::new();
        for bound in bounds {
            let bound = self.evaluate(bound)?;
            given.push(whole(&bound, "a bound of `range`")?.unwrap_or(0));
        }
        let (mut at, end, step) = match given.as_slice() {
            [end] => (0, *end, 1),
            [start, end] => (*start, *end, 1),
            [start, end, step, ..] => (*start, *end, *step),
            [] => (0, 0, 1),
        };
        if step == 0 {
            return Err(wrong("the step of `range` is 0"));
        }
        let mut list = self.list();
        while if step > 0 { at < end } else { at > end } {
            list.push(self, at.into())?;
            at = at.saturating_add(step);
        }
        Ok(list.done())
    }

    fn is(
        &mut self,
        predicate: &'static Predicate,
        value: &'v Node,
        arguments: &'v [Node],
    ) -> Result<Operand<'v>, Fault> {
        let value = match predicate.asks_for_absence {
            true => self.tolerantly(value)?,
            false => self.evaluate(value)?,
        };
        let mut given = Vec::new();
        for argument in arguments {
            given.push(self.evaluate(argument)?);
        }
        Ok(owned((predicate.holds)(self, &value, &given)?))
    }

    fn filter(
        &mut self,
        filter: &'static Filter,
        value: &'v Node,
        arguments: &'v [Option<Node>],
    ) -> Result<Operand<'v>, Fault> {
        if filter.name == "default" {
            let operand = self.tolerantly(value)?;
            return self.default_of(operand, arguments);
        }
        let value = self.evaluate(value)?;
        let mut given = Vec::new();
        for argument in arguments {
            given.push(match argument {
                Some(argument) => Some(self.evaluate(argument)?),
                None => None,
            });
        }
        let arguments = Arguments { of: filter, given, applied: None };
        let applied = match filter.name {
            "map" => arguments.text(0)?.and_then(filters::find),
            _ => None,
        };
        (filter.run)(self, value, &Arguments { applied, ..arguments })
    }

    fn default_of(
        &mut self,
        value: Operand<'v>,
        arguments: &'v [Option<Node>],
    ) -> Result<Operand<'v>, Fault> {
        let of_false = match arguments.get(1).and_then(Option::as_ref) {
            Some(of_false) => self.holds(of_false)?,
            None => false,
        };
        let has_value = value.as_deref().is_some_and(|value| !of_false || is_true(value));
        match arguments.first().and_then(Option::as_ref) {
            _ if has_value => Ok(value),
            Some(other) => self.evaluate(other),
            None => Ok(owned("")),
        }
    }
}

fn borrowed<'v>(value: &'v Value, find: impl FnOnce(&Value) -> Option<&Value>) -> Operand<'v> {
    find(value).map(Cow::Borrowed)
}

/// The position that an index names; a negative one counts from the end.
fn position(index: &Value, count: usize) -> Option<usize> {
    let index = index.as_i64()?;
    let at = if index < 0 { i64::try_from(count).ok()?.checked_add(index)? } else { index };
    usize::try_from(at).ok().filter(|at| *at < count)
}

/// The positions of a slice, as in Python.
fn positions(start: Option<i64>, stop: Option<i64>, step: i64, count: usize) -> impl Iterator<Item = usize> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let (low, high) = if step > 0 { (0, count) } else { (-1, count - 1) };
    let clamped = |bound: i64| if bound < 0 { bound.saturating_add(count) } else { bound }.clamp(low, high);
    let (from, to) = if step > 0 { (0, count) } else { (count - 1, -1) };
    let (from, to) = (start.map_or(from, clamped), stop.map_or(to, clamped));
    let mut at = from;
    std::iter::from_fn(move || {
        let here = at;
        let is_within = if step > 0 { here < to } else { here > to };
        at = at.saturating_add(step);
        usize::try_from(here).ok().filter(|_| is_within)
    })
}
