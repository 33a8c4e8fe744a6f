//! The types of options, and their reader.
//!
//! [`Text`], [`Count`] and [`Data`] may contain `${…}`, which is compiled when the document is read.

use super::expression::{Refusal, Template};
use crate::finding::{self, Code, Report, child, did_you_mean};
use crate::json::shown;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A text with expressions.
#[derive(Debug, Default)]
pub struct Text(pub(crate) Template);

/// A whole number, or an expression that gives one.
#[derive(Debug)]
pub enum Count {
    Fixed(u64),
    Computed(Template),
}

/// Any JSON value with expressions in its texts.
#[derive(Debug)]
pub enum Data {
    Plain(Value),
    Text(Template),
    List(Vec<Data>),
    Object(Vec<(String, Data)>),
}

/// A bare expression: `sim.total_bytes > 1000`.
#[derive(Debug)]
pub struct Condition(pub(crate) Template);

/// Maximum number of unknown keys of one object that are reported.
const MAX_UNKNOWN_KEYS: usize = 20;

const NOT_AN_EXPRESSION: &str = "expression: ";
const UNKNOWN_NAME: &str = "unknown name in an expression: ";

/// Reads `value` as a `T`. Unknown keys are reported one by one and then ignored; anything else ends the reading.
pub(crate) fn read<T: DeserializeOwned>(
    value: &Value,
    pointer: &str,
    unknown: &Code,
    wrong: &Code,
    report: &mut Report,
) -> Option<T> {
    let mut value = value.clone();
    for _ in 0..MAX_UNKNOWN_KEYS {
        let error = match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        let path = pointer_of(error.path());
        let message = error.inner().to_string();
        if let Some(UnknownKey { parent, key, known }) = UnknownKey::find(&value, &path, &message) {
            if let Some(fields) = value.pointer_mut(&parent).and_then(Value::as_object_mut) {
                fields.remove(&key);
            }
            let what = format!("The key `{key}` is unknown here.");
            let help = did_you_mean(&key, known.iter().map(String::as_str));
            report.add(unknown, format!("{pointer}{}", child(&parent, &key)), what, help);
            continue;
        }
        if let Some(what) = message.strip_prefix(NOT_AN_EXPRESSION) {
            let help = "Expressions are written `${…}` with the syntax of Jinja, for example `${call.from}`.";
            let what = format!("The expression {what}.");
            report.add(finding::EXPRESSION, format!("{pointer}{path}"), what, help);
        } else if let Some(what) = message.strip_prefix(UNKNOWN_NAME) {
            let help = "docs/flows.md lists the filters, tests and functions.";
            let what = format!("The expression {what}.");
            report.add(finding::UNKNOWN_FILTER, format!("{pointer}{path}"), what, help);
        } else {
            report.add(
                wrong,
                format!("{pointer}{path}"),
                sentence(&message),
                "Correct the value; the document's schema lists the expected values.",
            );
        }
        return None;
    }
    let what = format!("More than {MAX_UNKNOWN_KEYS} keys are unknown here.");
    report.add(wrong, pointer, what, "Remove them; the document's schema lists the keys.");
    None
}

fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map(|first| format!("{}{}.", first.to_uppercase(), chars.as_str())).unwrap_or_default()
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } => child(&pointer, key),
        Segment::Enum { .. } | Segment::Unknown => pointer,
    })
}

/// A key that a struct does not have.
struct UnknownKey {
    /// Pointer to the object with the key.
    parent: String,
    key: String,
    /// The keys that the struct has.
    known: Vec<String>,
}

impl UnknownKey {
    /// From serde's message: "unknown field `x`, expected one of `a`, `b`". The key may contain anything, a backtick too, so
    /// it is one of the object's keys. The object is at `path` or above it.
    fn find(value: &Value, path: &str, message: &str) -> Option<UnknownKey> {
        let named = message.strip_prefix("unknown field `")?;
        let above = path.rsplit_once('/').map(|(above, _)| above);
        let mut objects = above.into_iter().chain([path]).filter_map(|parent| {
            let fields = value.pointer(parent)?.as_object()?;
            let rest = |key: &String| named.strip_prefix(key.as_str())?.strip_prefix('`');
            let key = fields.keys().filter(|key| rest(key).is_some()).max_by_key(|key| key.len())?;
            let known = rest(key)?.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            Some(UnknownKey { parent: parent.to_owned(), key: key.clone(), known })
        });
        objects.next()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        template(&String::deserialize(deserializer)?).map(Text)
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Template::parse_expression(&text).map(Condition).map_err(not_an_expression)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) if text.contains("${") => template(&text).map(Count::Computed),
            value => value.as_u64().map(Count::Fixed).ok_or_else(|| {
                D::Error::custom(format!(
                    "expected a whole number from 0 or an expression, got {}",
                    shown(&value)
                ))
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        data(Value::deserialize(deserializer)?)
    }
}

fn data<E: Error>(value: Value) -> Result<Data, E> {
    Ok(match value {
        Value::String(text) if text.contains("${") => Data::Text(template(&text)?),
        Value::Array(items) => Data::List(items.into_iter().map(data).collect::<Result<_, E>>()?),
        Value::Object(fields) => Data::Object(
            fields.into_iter().map(|(key, value)| Ok((key, data(value)?))).collect::<Result<_, E>>()?,
        ),
        plain => Data::Plain(plain),
    })
}

fn template<E: Error>(text: &str) -> Result<Template, E> {
    Template::parse(text).map_err(not_an_expression)
}

/// The error that [`read`] reports as a finding about an expression.
pub(crate) fn not_an_expression<E: Error>(refusal: Refusal) -> E {
    let kind = if refusal.is_unknown_name { UNKNOWN_NAME } else { NOT_AN_EXPRESSION };
    E::custom(format!("{kind}{refusal}"))
}

impl Count {
    /// The number, where it is known before the flow runs.
    pub(crate) fn fixed(&self) -> Option<u64> {
        match self {
            Count::Fixed(number) => Some(*number),
            Count::Computed(_) => None,
        }
    }
}

/// Every template in the texts of `value`, with its pointer. [`read`] reports those that cannot be read.
pub(crate) fn templates(value: &Value, pointer: &str, found: &mut Vec<(String, Template)>) {
    match value {
        Value::String(text) if text.contains("${") => {
            if let Ok(template) = Template::parse(text) {
                found.push((pointer.to_owned(), template));
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| templates(item, &format!("{pointer}/{i}"), found))
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| templates(value, &child(pointer, key), found))
        }
        _ => {}
    }
}

macro_rules! schema {
    ($type:ty, $name:literal, $schema:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}

schema!(Text, "Text", json_schema!({ "type": "string", "description": "A text; `${…}` are expressions." }));
schema!(
    Condition,
    "Condition",
    json_schema!({ "type": "string", "description": "An expression, for example `sim.total_bytes > 1000`." })
);
schema!(Data, "Data", json_schema!({ "description": "Any JSON; texts may hold `${…}`." }));
schema!(
    Count,
    "Count",
    json_schema!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "\\$\\{" }] })
);

/// Treats absent options as an empty object.
pub(crate) fn object_or_empty(option: Option<Value>) -> Value {
    match option {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(value) => value,
    }
}
