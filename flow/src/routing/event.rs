//! Events from carriers' systems: CloudEvents 1.0 in JSON, structured mode.
//!
//! [`Event::parse`] reads all bytes from outside. It rejects with a machine-readable reason, because rejected events are
//! kept for inspection.

pub use super::event_types::{KNOWN_TYPES, similar_type};
use super::malformed::malformed;
pub use super::malformed::{Malformed, MalformedReason};
use super::printable::is_deceptive;
use super::strict_json;
pub use super::strict_json::MAX_EVENT_DEPTH;
pub use super::text::without_mark;
use super::{event_data, normal_form, text};
use crate::json::shown;
use crate::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Maximum size of an event in bytes.
pub const MAX_EVENT_BYTES: usize = 64 * 1024;
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

impl Event {
    /// Reads a CloudEvent and the known fields of its data. Unknown extension attributes and fields are ignored.
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
        let fields = strict_json::object(&text::with_whole_escapes(text::without_mark(bytes)))?;
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
        let mut event = Event {
            id: required("id", "an id that is unique for the source")?,
            source: required("source", "a name of the system that publishes")?,
            kind: kind(required("type", "for example \"call.incoming\"")?)?,
            subject: subject(&fields)?,
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
        if event.kind.starts_with("sim.") {
            event.subject = event.subject.map(|iccid| normal_form::iccid(&iccid));
        }
        event_data::read(&event.kind, &mut event.data)?;
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
        Some(Value::String(text)) if text.chars().any(is_deceptive) => Err(malformed(
            MalformedReason::InvalidData,
            format!("`{name}` is {text:?}, with a control or direction character in it; send a plain text"),
        )),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(malformed(
            MalformedReason::WrongType,
            format!("`{name}` is {}, expected a string", shown(other)),
        )),
    }
}

/// The subject without blanks around it.
fn subject(fields: &Map<String, Value>) -> Result<Option<String>, Malformed> {
    match attribute(fields, "subject")? {
        Some(text) if text.trim().is_empty() => Err(malformed(
            MalformedReason::MissingField,
            "`subject` is blank; leave it out or give it a value".to_owned(),
        )),
        subject => Ok(subject.map(|text| text.trim().to_owned())),
    }
}

fn data(fields: &Map<String, Value>) -> Result<Map<String, Value>, Malformed> {
    match fields.get("data_base64").filter(|data| !data.is_null()) {
        Some(encoded) if fields.get("data").is_none_or(Value::is_null) => decoded(fields, encoded),
        Some(_) => Err(malformed(
            MalformedReason::InvalidData,
            "the event has both `data` and `data_base64`; send one of them".to_owned(),
        )),
        None => plain_data(fields),
    }
}

/// The object in `data_base64`.
fn decoded(fields: &Map<String, Value>, encoded: &Value) -> Result<Map<String, Value>, Malformed> {
    let refused = |message: String| malformed(MalformedReason::InvalidData, message);
    let kind = attribute(fields, "datacontenttype")?.unwrap_or_else(|| "application/json".to_owned());
    let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media != "application/json" && !media.ends_with("+json") {
        return Err(refused(format!(
            "`data_base64` is of type `{}`; send a JSON object as application/json",
            cut(&kind)
        )));
    }
    let bytes = encoded.as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or_else(|| {
        refused(format!("`data_base64` is {}; send a JSON object in base64 (RFC 4648)", shown(encoded)))
    })?;
    strict_json::object(&text::with_whole_escapes(text::without_mark(&bytes)))
        .map_err(|error| malformed(error.reason, format!("in `data_base64`: {error}")))
}

fn plain_data(fields: &Map<String, Value>) -> Result<Map<String, Value>, Malformed> {
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

fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests;
