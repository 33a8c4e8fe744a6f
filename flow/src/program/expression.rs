//! Expressions: `${ … }` in texts. Each is compiled once and runs with limited fuel.
//!
//! A text that is exactly one `${…}` keeps the type of its value; anything else becomes text. The variables that a
//! template reads are known before it runs ([`Template::reads`]), so only those are converted to values.

use minijinja::value::Serde;
use minijinja::{Environment, Expression, UndefinedBehavior};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Maximum of instructions and bytes that one expression uses.
const FUEL: u64 = 50_000;
/// Maximum size of a template's result in bytes.
const MAX_OUTPUT_BYTES: usize = 64 * 1024;
/// Maximum size of a template in bytes.
const MAX_SOURCE_BYTES: usize = 16 * 1024;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    for name in ["debug", "namespace"] {
        environment.remove_global(name);
    }
    environment
});

/// Root names that the engine sets; a flow cannot give them to variables of its own.
pub const RESERVED: &[&str] =
    &["call", "message", "sim", "event", "activeflow", "flow", "customer", "actions", "error", "voipbin"];

/// Lookup of variables by expressions.
pub(crate) trait Lookup {
    /// The value of a root name such as `call` or a variable of the flow.
    fn root(&self, name: &str) -> Option<Value>;
    /// The value at a path, for expressions that only name a variable.
    fn path(&self, path: &[String]) -> Option<Value>;
}

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
    Expression(Box<Compiled>),
}

#[derive(Debug)]
struct Compiled {
    /// Set when the expression only names a variable: the common case, which needs no evaluation.
    path: Option<Vec<String>>,
    reads: Vec<Vec<String>>,
    tolerant: bool,
    expression: Option<Expression<'static, 'static>>,
}

impl Template {
    /// # Errors
    /// A message with the part that cannot be read.
    pub fn parse(text: &str) -> Result<Template, String> {
        if text.len() > MAX_SOURCE_BYTES {
            return Err(format!("the text has {} bytes, the limit is {MAX_SOURCE_BYTES}", text.len()));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            push_text(&mut parts, &rest[..start]);
            let inner = &rest[start + 2..];
            let end = closing_brace(inner)
                .ok_or_else(|| format!("`{}` has no closing `}}`", cut(&rest[start..])))?;
            parts.push(Part::Expression(Box::new(Compiled::parse(&inner[..end])?)));
            rest = &inner[end + 1..];
        }
        push_text(&mut parts, rest);
        Ok(Template { parts })
    }

    /// A whole expression: `a > 1`, or the same within `${…}`.
    ///
    /// # Errors
    /// A message with the part that cannot be read.
    pub fn parse_expression(text: &str) -> Result<Template, String> {
        let trimmed = text.trim();
        if trimmed.starts_with("${") {
            let template = Template::parse(trimmed)?;
            return match template.parts.as_slice() {
                [Part::Expression(_)] => Ok(template),
                _ => Err(format!("`{}` has text beside its `${{…}}`; write one expression", cut(trimmed))),
            };
        }
        if trimmed.len() > MAX_SOURCE_BYTES {
            return Err(format!(
                "the expression has {} bytes, the limit is {MAX_SOURCE_BYTES}",
                trimmed.len()
            ));
        }
        Ok(Template { parts: vec![Part::Expression(Box::new(Compiled::parse(trimmed)?))] })
    }

    /// Every path that the expressions name, for example `["call", "from"]`.
    pub fn reads(&self) -> impl Iterator<Item = &[String]> {
        self.parts
            .iter()
            .flat_map(|part| match part {
                Part::Text(_) => [].iter(),
                Part::Expression(compiled) => compiled.reads.iter(),
            })
            .map(Vec::as_slice)
    }

    pub(crate) fn evaluate(&self, variables: &dyn Lookup) -> Result<Evaluation, String> {
        let mut missing = Vec::new();
        if let [Part::Expression(only)] = self.parts.as_slice() {
            let value = only.evaluate(variables, &mut missing)?;
            return bounded(&value).map(|()| Evaluation { value, missing });
        }
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Expression(compiled) => {
                    text.push_str(&as_text(&compiled.evaluate(variables, &mut missing)?))
                }
            }
            if text.len() > MAX_OUTPUT_BYTES {
                return Err(too_long(text.len()));
            }
        }
        Ok(Evaluation { value: Value::String(text), missing })
    }
}

impl Compiled {
    fn parse(source: &str) -> Result<Compiled, String> {
        let source = source.trim();
        if source.is_empty() {
            return Err("`${}` is empty".to_owned());
        }
        if let Some(path) = plain_path(source) {
            return Ok(Compiled {
                reads: vec![path.clone()],
                path: Some(path),
                tolerant: false,
                expression: None,
            });
        }
        let expression = ENVIRONMENT.compile_expression_owned(source.to_owned()).map_err(|error| {
            format!(
                "`{}` cannot be read: {}",
                cut(source),
                error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
            )
        })?;
        let mut reads: Vec<String> = expression.undeclared_variables(true).into_iter().collect();
        reads.sort_unstable();
        Ok(Compiled {
            path: None,
            reads: reads
                .iter()
                .filter(|name| !is_function(name))
                .map(|name| name.split('.').map(str::to_owned).collect())
                .collect(),
            tolerant: ["default", "defined", "|d(", "| d("].iter().any(|word| source.contains(word)),
            expression: Some(expression),
        })
    }

    fn evaluate(&self, variables: &dyn Lookup, missing: &mut Vec<String>) -> Result<Value, String> {
        if let Some(path) = &self.path {
            return Ok(variables.path(path).unwrap_or_else(|| {
                missing.push(path.join("."));
                Value::String(String::new())
            }));
        }
        let Some(expression) = &self.expression else { return Ok(Value::Null) };
        if !self.tolerant {
            missing.extend(
                self.reads.iter().filter(|path| variables.path(path).is_none()).map(|path| path.join(".")),
            );
        }
        let context: BTreeMap<&str, minijinja::Value> = self
            .reads
            .iter()
            .filter_map(|path| path.first())
            .filter_map(|root| Some((root.as_str(), minijinja::Value::from(Serde(variables.root(root)?)))))
            .collect();
        let value =
            expression.eval(minijinja::Value::from_pairs(context)).map_err(|error| error.to_string())?;
        if value.is_undefined() {
            return Ok(Value::String(String::new()));
        }
        serde_json::to_value(&value).map_err(|error| format!("the result is not a JSON value: {error}"))
    }
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
    (plain && !word).then(|| parts.into_iter().map(str::to_owned).collect())
}

pub(crate) fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_function(name: &str) -> bool {
    ["range", "dict"].contains(&name)
}

/// A value as part of a text.
pub(crate) fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a value counts as true: everything except false, null, zero and empty values.
pub(crate) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

fn bounded(value: &Value) -> Result<(), String> {
    let length = match value {
        Value::String(text) => text.len(),
        Value::Array(_) | Value::Object(_) => value.to_string().len(),
        _ => 0,
    };
    if length > MAX_OUTPUT_BYTES { Err(too_long(length)) } else { Ok(()) }
}

fn too_long(length: usize) -> String {
    format!("the result has {length} bytes, the limit is {MAX_OUTPUT_BYTES}")
}

fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests;
