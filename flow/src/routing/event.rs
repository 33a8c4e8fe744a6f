//! Events from carriers' systems: CloudEvents 1.0 in JSON, structured mode.
//!
//! [`Event::parse`] reads all bytes from outside. It rejects with a machine-readable reason, because rejected events are
//! kept for inspection.

use crate::json::shown;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Maximum size of an event in bytes.
pub const MAX_EVENT_BYTES: usize = 64 * 1024;
/// Maximum nesting of objects and arrays.
pub const MAX_EVENT_DEPTH: usize = 32;
/// Maximum length of `id`, `source`, `type` and `subject` in bytes.
pub const MAX_ATTRIBUTE_BYTES: usize = 256;

/// An event as published. `subject` and `time` are optional; [`crate::route::addressee`] handles a missing subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub source: String,
    /// CloudEvents `type`, for example `call.incoming`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// Reason why bytes are not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Malformed {
    pub reason: MalformedReason,
    /// A sentence with the place and both values.
    pub message: String,
}

/// Machine-readable reason of a malformed event, stored with rejected events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedReason {
    MalformedJson,
    Oversize,
    TooDeep,
    DuplicateKey,
    MissingField,
    WrongType,
    TooLong,
    UnsupportedSpecversion,
    ReservedSource,
}

impl MalformedReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            MalformedReason::MalformedJson => "malformed_json",
            MalformedReason::Oversize => "oversize",
            MalformedReason::TooDeep => "too_deep",
            MalformedReason::DuplicateKey => "duplicate_key",
            MalformedReason::MissingField => "missing_field",
            MalformedReason::WrongType => "wrong_type",
            MalformedReason::TooLong => "too_long",
            MalformedReason::UnsupportedSpecversion => "unsupported_specversion",
            MalformedReason::ReservedSource => "reserved_source",
        }
    }
}

impl std::fmt::Display for MalformedReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Event {
    /// Reads a CloudEvent. Unknown extension attributes are ignored.
    ///
    /// # Errors
    /// The first problem.
    pub fn parse(bytes: &[u8]) -> Result<Event, Malformed> {
        if bytes.len() > MAX_EVENT_BYTES {
            return Err(malformed(
                MalformedReason::Oversize,
                format!("the event has {} bytes, the limit is {MAX_EVENT_BYTES}", bytes.len()),
            ));
        }
        let fields = strict::object(bytes)?;
        match attribute(&fields, "specversion")?.as_deref() {
            Some("1.0") => {}
            Some(other) => {
                return Err(malformed(
                    MalformedReason::UnsupportedSpecversion,
                    format!("`specversion` is `{}`, expected `1.0`", cut(other)),
                ));
            }
            None => return Err(missing("specversion", "\"1.0\"")),
        }
        let required =
            |name: &str, example: &str| attribute(&fields, name)?.ok_or_else(|| missing(name, example));
        let event = Event {
            id: required("id", "an id that is unique for the source")?,
            source: required("source", "a name of the system that publishes")?,
            kind: kind(required("type", "for example \"call.incoming\"")?)?,
            subject: attribute(&fields, "subject")?,
            time: attribute(&fields, "time")?.map(|text| time(&text)).transpose()?,
            data: data(&fields)?,
            traceparent: fields
                .get("traceparent")
                .and_then(Value::as_str)
                .and_then(traceparent)
                .map(str::to_owned),
        };
        if event.source == "signalbox" {
            return Err(malformed(
                MalformedReason::ReservedSource,
                "`source` is `signalbox`, which only Signalbox itself may use; send your own name".to_owned(),
            ));
        }
        Ok(event)
    }

    /// The string at `data.<key>`, or `None` when it is missing or not a string.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.data.get(key).and_then(Value::as_str)
    }
}

/// The text, if it is a version 00 traceparent of W3C Trace Context; otherwise `None`.
pub fn traceparent(text: &str) -> Option<&str> {
    let mut parts = text.split('-');
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let fits = parts.next() == Some("00")
        && [32, 16, 2]
            .into_iter()
            .all(|length| parts.next().is_some_and(|part| part.len() == length && is_hex(part)))
        && parts.next().is_none();
    fits.then_some(text)
}

/// Checks an event type. Types become routing keys and are stored in lists.
fn kind(kind: String) -> Result<String, Malformed> {
    match kind.chars().find(|c| !(c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(c))) {
        None => Ok(kind),
        Some(wrong) => Err(malformed(
            MalformedReason::WrongType,
            format!(
                "`type` is `{}`, with {wrong:?} in it; use letters, digits, `.`, `_` and `-`",
                cut(&kind)
            ),
        )),
    }
}

fn attribute(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Malformed> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Err(malformed(
            MalformedReason::MissingField,
            format!("`{name}` is empty; leave it out or give it a value"),
        )),
        Some(Value::String(text)) if text.len() > MAX_ATTRIBUTE_BYTES => Err(malformed(
            MalformedReason::TooLong,
            format!("`{name}` has {} bytes, the limit is {MAX_ATTRIBUTE_BYTES}", text.len()),
        )),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(malformed(
            MalformedReason::WrongType,
            format!("`{name}` is {}, expected a string", shown(other)),
        )),
    }
}

fn data(fields: &Map<String, Value>) -> Result<Map<String, Value>, Malformed> {
    match fields.get("data") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(data)) => Ok(data.clone()),
        Some(other) => Err(malformed(
            MalformedReason::WrongType,
            format!("`data` is {}, expected an object", shown(other)),
        )),
    }
}

fn time(text: &str) -> Result<Timestamp, Malformed> {
    text.parse().map_err(|what| malformed(MalformedReason::WrongType, format!("`time`: {what}")))
}

fn missing(name: &str, example: &str) -> Malformed {
    malformed(MalformedReason::MissingField, format!("`{name}` is missing; send {example}"))
}

fn malformed(reason: MalformedReason, message: String) -> Malformed {
    Malformed { reason, message }
}

fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

/// A JSON reader for untrusted input: limited depth, no duplicate keys.
mod strict {
    use super::{MAX_EVENT_DEPTH, Malformed, MalformedReason, malformed, shown};
    use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
    use serde_json::{Map, Value};
    use std::cell::RefCell;

    pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, Malformed> {
        let reason = RefCell::new(MalformedReason::MalformedJson);
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let value = Strict { depth: 0, reason: &reason }
            .deserialize(&mut reader)
            .and_then(|value| reader.end().map(|()| value))
            .map_err(|error| malformed(*reason.borrow(), format!("the event cannot be read: {error}")))?;
        match value {
            Value::Object(fields) => Ok(fields),
            other => Err(malformed(
                MalformedReason::WrongType,
                format!("the event is {}, expected an object", shown(&other)),
            )),
        }
    }

    struct Strict<'a> {
        depth: usize,
        reason: &'a RefCell<MalformedReason>,
    }

    impl Strict<'_> {
        fn deeper<E: Error>(&self) -> Result<Strict<'_>, E> {
            if self.depth == MAX_EVENT_DEPTH {
                self.reason.replace(MalformedReason::TooDeep);
                return Err(E::custom(format!("it is nested deeper than {MAX_EVENT_DEPTH} levels")));
            }
            Ok(Strict { depth: self.depth + 1, reason: self.reason })
        }
    }

    impl<'de> DeserializeSeed<'de> for Strict<'_> {
        type Value = Value;

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
            deserializer.deserialize_any(self)
        }
    }

    impl<'de> Visitor<'de> for Strict<'_> {
        type Value = Value;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a JSON value")
        }

        fn visit_unit<E: Error>(self) -> Result<Value, E> {
            Ok(Value::Null)
        }

        fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
            Ok(Value::Bool(value))
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
            Ok(Value::from(value))
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
            Ok(Value::from(value))
        }

        fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
            Ok(Value::from(value))
        }

        fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
            Ok(Value::String(value.to_owned()))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
            let mut values = Vec::new();
            while let Some(value) = items.next_element_seed(self.deeper()?)? {
                values.push(value);
            }
            Ok(Value::Array(values))
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
            let mut fields = Map::new();
            while let Some(key) = entries.next_key_seed(std::marker::PhantomData::<String>)? {
                if fields.contains_key(&key) {
                    self.reason.replace(MalformedReason::DuplicateKey);
                    return Err(A::Error::custom(format!("the key `{key}` occurs twice")));
                }
                fields.insert(key, entries.next_value_seed(self.deeper()?)?);
            }
            Ok(Value::Object(fields))
        }
    }
}

#[cfg(test)]
mod tests;
