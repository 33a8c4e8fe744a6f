//! Expressions: `${ … }` in texts, in the syntax of Jinja.
//!
//! ```text
//!  text ── token ──► parse ──► syntax tree ── kinds: what can only fail ──► findings
//!                                  └── evaluate (operators, filters, predicates) ──► value
//! ```
//! Parser and evaluator are our own: every level, byte and unit of work is counted before it is spent, so that no text
//! exhausts a stack, and no result the memory. A text that is exactly one `${…}` keeps the type of its value; anything else
//! becomes text.

mod evaluate;
mod evaluator;
mod filter;
mod filters;
mod kinds;
mod operator;
mod operators;
mod parse;
mod predicates;
mod refusal;
mod syntax;
mod token;
mod values;

use super::work::Work;
use evaluator::Evaluator;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;
use syntax::Node;
use values::{MAX_DEPTH, MAX_OUTPUT_BYTES, MAX_WORK, cut, too_long};

pub(crate) use evaluator::Fault;
pub(crate) use kinds::Kind;
pub(crate) use refusal::Refusal;
pub(crate) use values::{Lookup, as_text, is_identifier, is_true};

/// Maximum size of a template in bytes.
const MAX_SOURCE_BYTES: usize = 16 * 1024;
/// Root names that the engine sets; a flow cannot give them to variables of its own.
pub const RESERVED: &[&str] =
    &["call", "message", "sim", "event", "activeflow", "flow", "customer", "actions", "error", "voipbin"];

/// Result of a template, and the paths that had no value.
#[derive(Debug, PartialEq)]
pub(crate) struct Evaluation {
    pub value: Value,
    pub missing: Vec<String>,
}

/// A text with expressions in it, compiled.
#[derive(Debug, Default)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Expression(Node),
}

impl Template {
    /// # Errors
    /// The part that cannot be read, and why.
    pub(crate) fn parse(text: &str) -> Result<Template, Refusal> {
        if text.len() > MAX_SOURCE_BYTES {
            let what = format!("the text has {} bytes, the limit is {MAX_SOURCE_BYTES}", text.len());
            return Err(Refusal::unreadable(what));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, source, after)) = next_expression(rest) {
            push_text(&mut parts, before);
            let source = source.ok_or_else(|| {
                let shown = cut(&rest[before.len()..]);
                Refusal::unreadable(format!("`{shown}` has no closing `}}`"))
            })?;
            parts.push(Part::Expression(expression(source)?));
            rest = after;
        }
        push_text(&mut parts, rest);
        Ok(Template { parts })
    }

    /// A whole expression: `a > 1`, or the same within `${…}`.
    ///
    /// # Errors
    /// The part that cannot be read, and why.
    pub(crate) fn parse_expression(text: &str) -> Result<Template, Refusal> {
        let trimmed = text.trim();
        if trimmed.starts_with("${") {
            let template = Template::parse(trimmed)?;
            return match template.parts.as_slice() {
                [Part::Expression(_)] => Ok(template),
                _ => {
                    let what =
                        format!("`{}` has text beside its `${{…}}`; write one expression", cut(trimmed));
                    Err(Refusal::unreadable(what))
                }
            };
        }
        if trimmed.len() > MAX_SOURCE_BYTES {
            let what = format!("the expression has {} bytes, the limit is {MAX_SOURCE_BYTES}", trimmed.len());
            return Err(Refusal::unreadable(what));
        }
        Ok(Template { parts: vec![Part::Expression(expression(trimmed)?)] })
    }

    /// Every path that the expressions name, for example `["call", "from"]`.
    pub(crate) fn reads(&self) -> Vec<&[String]> {
        let mut reads = Vec::new();
        for expression in self.expressions() {
            let mut paths = BTreeSet::new();
            let mut open = vec![expression];
            while let Some(node) = open.pop() {
                match node {
                    Node::Path(path) => {
                        paths.insert(path.as_slice());
                    }
                    node => open.extend(node.parts()),
                }
            }
            reads.extend(paths);
        }
        reads
    }

    /// The text, if there is no expression in it.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Comparisons that can only fail, given the kinds of variables that are known.
    pub(crate) fn mistakes(&self, known: &dyn Fn(&[String]) -> Kind) -> Vec<String> {
        let mut found = Vec::new();
        self.expressions().for_each(|node| kinds::mistakes(node, known, &mut found));
        found
    }

    fn expressions(&self) -> impl Iterator<Item = &Node> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Expression(node) => Some(node),
        })
    }

    pub(crate) fn evaluate(&self, variables: &dyn Lookup, work: &mut Work) -> Result<Evaluation, Fault> {
        let mut evaluator = Evaluator { variables, work, left: MAX_WORK, missing: Vec::new() };
        if let [Part::Expression(only)] = self.parts.as_slice() {
            let value = evaluator.evaluate(only)?.unwrap_or_else(|| Cow::Owned(Value::String(String::new())));
            evaluator.size(&value)?;
            if value.as_str().is_some_and(|text| text.len() > MAX_OUTPUT_BYTES) {
                return Err(Fault::Wrong(too_long()));
            }
            return Ok(Evaluation { value: value.into_owned(), missing: evaluator.missing });
        }
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => evaluator.push(&mut text, literal)?,
                Part::Expression(node) => {
                    evaluator.left = MAX_WORK;
                    let value = evaluator.evaluate(node)?;
                    let shown = evaluator.text(&value)?;
                    evaluator.push(&mut text, &shown)?;
                }
            }
        }
        Ok(Evaluation { value: Value::String(text), missing: evaluator.missing })
    }
}

/// The text before the next `${`, the expression (`None` if it has no end) and the text behind it.
fn next_expression(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let start = text.find("${")?;
    let inner = &text[start + 2..];
    Some(match closing_brace(inner) {
        Some(end) => (&text[..start], Some(&inner[..end]), &inner[end + 1..]),
        None => (&text[..start], None, ""),
    })
}

/// Number of the expressions in a text, and their bytes together.
pub(crate) fn count(text: &str) -> (usize, usize) {
    let (mut number, mut bytes) = (0, 0);
    let mut rest = text;
    while let Some((_, source, after)) = next_expression(rest) {
        number += 1;
        bytes += source.unwrap_or(rest).len();
        rest = after;
    }
    (number, bytes)
}

fn expression(source: &str) -> Result<Node, Refusal> {
    let source = source.trim();
    if source.is_empty() {
        return Err(Refusal::unreadable("`${}` is empty"));
    }
    if let Some(path) = plain_path(source) {
        return Ok(Node::Path(path));
    }
    parse::parse(source).map_err(|refusal| Refusal {
        message: format!("`{}` cannot be read: {}", cut(source), refusal.message),
        ..refusal
    })
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

/// The `}` that closes an expression: not one in a string, not one that closes a `{` of the expression.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(at),
            (None, '}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

/// `call.from`, and `actions.<id>.digits` with an id that is no identifier (a UUID, `ask-name`).
fn plain_path(source: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> = source.split('.').collect();
    let plain = parts.iter().enumerate().all(|(index, part)| {
        let of_action = index == 1 && parts[0] == "actions" && parts.len() > 2;
        is_identifier(part)
            || (of_action
                && !part.is_empty()
                && part.chars().all(|c| c.is_alphanumeric() || "_-".contains(c)))
    });
    let word = ["true", "false", "none", "True", "False", "None", "not"].contains(&source);
    (plain && !word && parts.len() <= MAX_DEPTH).then(|| parts.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
