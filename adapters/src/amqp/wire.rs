//! Conversion between messages and AMQP properties and headers.

use super::stream::SUBSTITUTE;
use super::topology::{COMMANDS, NOTICES, REJECTED};
use common::command::Message;
use common::ports::bus::{Delivery, Rejection};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, MAX_SHORT_STRING_LENGTH, ShortString};

const CONTENT_TYPE: &str = "application/cloudevents+json";
const PERSISTENT: u8 = 2;
/// Maximum bytes of an explanation. All headers of a message must fit into one frame (128 KiB in RabbitMQ); otherwise the
/// broker closes the connection. lapin does not check this, so external values are truncated.
const MAX_EXPLANATION: usize = 4_096;
/// Maximum bytes of a header copied from a received message.
const MAX_ORIGINAL: usize = 1_024;
/// Maximum bytes of a received reference.
const MAX_REFERENCE: usize = 256;

pub(super) const REFERENCE: &str = "reference";
pub(super) const TRACEPARENT: &str = "traceparent";
/// Prefix of the headers of a rejected message: `x-signalbox-id`, `-reason`, `-message`, and each `original` entry.
pub(super) const REJECTION_PREFIX: &str = "x-signalbox-";

/// A message ready to publish.
pub(super) struct Publication {
    pub exchange: ShortString,
    pub routing_key: ShortString,
    pub properties: BasicProperties,
    pub body: Vec<u8>,
}

/// # Errors
/// An id or routing key is longer than the 255 bytes that AMQP allows.
pub(super) fn command(message: Message) -> Result<Publication, String> {
    publication(COMMANDS, message)
}

pub(super) fn notice(message: Message) -> Result<Publication, String> {
    publication(NOTICES, message)
}

fn publication(exchange: &str, message: Message) -> Result<Publication, String> {
    let mut headers = FieldTable::default();
    headers.insert(REFERENCE.into(), original(&message.reference));
    if let Some(traceparent) = &message.traceparent {
        headers.insert(TRACEPARENT.into(), original(traceparent));
    }
    let properties = persistent(headers)
        .with_message_id(short("message_id", &message.id)?)
        .with_correlation_id(short("correlation_id", &message.correlation_id)?);
    Ok(Publication {
        exchange: exchange.into(),
        routing_key: short("routing key", &message.routing_key)?,
        properties,
        body: message.body.into_bytes(),
    })
}

pub(super) fn rejection(rejection: Rejection) -> Result<Publication, String> {
    let mut headers = FieldTable::default();
    let mut set = |name: &str, value: &str| -> Result<(), String> {
        headers.insert(short("header name", &format!("{REJECTION_PREFIX}{name}"))?, long(value));
        Ok(())
    };
    set("id", truncate(&rejection.id, MAX_ORIGINAL))?;
    set("reason", truncate(&rejection.reason, MAX_ORIGINAL))?;
    set("message", truncate(&rejection.message, MAX_EXPLANATION))?;
    for (name, value) in &rejection.original {
        set(&name.replace('_', "-"), truncate(value, MAX_ORIGINAL))?;
    }
    let mut properties = persistent(headers);
    if let Some(id) = rejection.original.get("message_id") {
        properties = properties.with_message_id(short("message_id", truncate(id, MAX_SHORT_STRING_LENGTH))?);
    }
    Ok(Publication { exchange: "".into(), routing_key: REJECTED.into(), properties, body: rejection.body })
}

pub(super) fn delivery(delivery: lapin::message::Delivery) -> Delivery {
    let properties = &delivery.properties;
    Delivery {
        unreadable: unreadable(&delivery),
        tag: delivery.delivery_tag,
        reference: header(properties, REFERENCE).map(|text| truncate(&text, MAX_REFERENCE).to_owned()),
        message_id: properties.message_id().as_ref().map(readable),
        traceparent: header(properties, TRACEPARENT).filter(|text| flow::event::traceparent(text).is_some()),
        user_id: properties.user_id().as_ref().map(readable),
        delivery_count: header(properties, "x-delivery-count").and_then(|n| n.parse().ok()).unwrap_or(0),
        routing_key: readable(&delivery.routing_key),
        body: delivery.data,
    }
}

/// A received short string. `?` replaces each byte that was not UTF-8.
pub(super) fn readable(text: &ShortString) -> String {
    text.as_str().replace(SUBSTITUTE, "?")
}

/// The first part of a message that had bytes that are not UTF-8.
fn unreadable(delivery: &lapin::message::Delivery) -> Option<String> {
    let damaged = |text: &ShortString| text.as_str().contains(SUBSTITUTE);
    let properties = &delivery.properties;
    let named = [
        ("property content_type", properties.content_type()),
        ("property content_encoding", properties.content_encoding()),
        ("property correlation_id", properties.correlation_id()),
        ("property reply_to", properties.reply_to()),
        ("property expiration", properties.expiration()),
        ("property message_id", properties.message_id()),
        ("property type", properties.kind()),
        ("property user_id", properties.user_id()),
        ("property app_id", properties.app_id()),
        ("property cluster_id", properties.cluster_id()),
    ];
    let property = named.into_iter().find(|(_, text)| text.as_ref().is_some_and(damaged));
    if let Some((name, _)) = property {
        return Some(name.into());
    }
    if damaged(&delivery.routing_key) {
        return Some("routing key".into());
    }
    if damaged(&delivery.exchange) {
        return Some("name of the exchange".into());
    }
    let headers = properties.headers().as_ref()?;
    has_damaged_key(headers).then(|| "name of a header".into())
}

/// The nesting of a received table is limited by `stream`.
fn has_damaged_key(table: &FieldTable) -> bool {
    fn in_value(value: &AMQPValue) -> bool {
        match value {
            AMQPValue::FieldTable(table) => has_damaged_key(table),
            AMQPValue::FieldArray(items) => items.as_slice().iter().any(in_value),
            _ => false,
        }
    }
    table.inner().iter().any(|(name, value)| name.as_str().contains(SUBSTITUTE) || in_value(value))
}

/// A header as text, whatever AMQP type the client library used.
pub(super) fn header(properties: &BasicProperties, name: &str) -> Option<String> {
    text(properties.headers().as_ref()?.inner().get(name)?)
}

pub(super) fn text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(s) => Some(String::from_utf8_lossy(s.as_bytes()).into_owned()),
        AMQPValue::ByteArray(b) => Some(String::from_utf8_lossy(b.as_slice()).into_owned()),
        AMQPValue::ShortString(s) => Some(readable(s)),
        AMQPValue::ShortShortInt(n) => Some(n.to_string()),
        AMQPValue::ShortShortUInt(n) => Some(n.to_string()),
        AMQPValue::ShortInt(n) => Some(n.to_string()),
        AMQPValue::ShortUInt(n) => Some(n.to_string()),
        AMQPValue::LongInt(n) => Some(n.to_string()),
        AMQPValue::LongUInt(n) => Some(n.to_string()),
        AMQPValue::LongLongInt(n) => Some(n.to_string()),
        AMQPValue::Timestamp(n) => Some(n.to_string()),
        AMQPValue::Boolean(b) => Some(b.to_string()),
        _ => None,
    }
}

pub(super) fn persistent(headers: FieldTable) -> BasicProperties {
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type(CONTENT_TYPE.into())
        .with_headers(headers)
}

pub(super) fn short(what: &str, text: &str) -> Result<ShortString, String> {
    ShortString::try_new(text).map_err(|_| format!("{what} of {} bytes: AMQP allows at most 255", text.len()))
}

/// A received header value, truncated for publishing.
pub(super) fn original(text: &str) -> AMQPValue {
    long(truncate(text, MAX_ORIGINAL))
}

pub(super) fn long(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// The beginning of a received text.
pub(super) fn truncated(mut text: String, max: usize) -> String {
    text.truncate(truncate(&text, max).len());
    text
}

fn truncate(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_long_reference_is_truncated_and_an_invalid_traceparent_is_dropped() {
        let mut headers = FieldTable::default();
        headers.insert("reference".into(), long(&"\u{e4}".repeat(100_000)));
        headers.insert("traceparent".into(), long(&"x".repeat(100_000)));
        let mut raw = lapin::message::Delivery::mock(1, "".into(), "".into(), false, Vec::new());
        raw.properties = BasicProperties::default().with_headers(headers);
        let read = delivery(raw);
        assert_eq!(read.reference.map(|text| text.len()), Some(256));
        assert_eq!(read.traceparent, None);
    }

    /// The broker closes the connection on an oversized header frame.
    #[test]
    fn a_rejection_fits_into_one_frame_whatever_was_received() {
        let huge = "\u{e4}".repeat(100_000);
        let names = ["routing_key", "reference", "user_id", "traceparent", "message_id"];
        let rejection = Rejection {
            id: huge.clone(),
            reason: huge.clone(),
            message: huge.clone(),
            body: Vec::new(),
            original: names.map(|name| (name.to_owned(), huge.clone())).into(),
        };
        let Ok(publication) = super::rejection(rejection) else {
            panic!("the rejection must be convertible")
        };
        let table = publication.properties.headers().clone().unwrap_or_default();
        let lengths = table
            .inner()
            .iter()
            .map(|(name, value)| name.as_str().len() + text(value).unwrap_or_default().len());
        assert!(lengths.sum::<usize>() < 16 * 1_024);
        let reference = header(&publication.properties, "x-signalbox-reference").unwrap_or_default();
        assert_eq!((reference.len(), reference.contains('\u{fffd}')), (1_024, false));
    }

    #[test]
    fn a_property_that_was_repaired_is_named() {
        let read = |properties: BasicProperties, key: &str| {
            let mut raw = lapin::message::Delivery::mock(1, "".into(), key.into(), false, Vec::new());
            raw.properties = properties;
            delivery(raw)
        };
        let plain = BasicProperties::default;
        let named = read(plain().with_message_id("caf\u{1a}".into()), "call.incoming");
        assert_eq!(named.message_id.as_deref(), Some("caf?"));
        assert_eq!(named.unreadable.as_deref(), Some("property message_id"));
        let named = read(plain(), "\u{1a}");
        assert_eq!((named.routing_key.as_str(), named.unreadable.as_deref()), ("?", Some("routing key")));
        let mut inner = FieldTable::default();
        inner.insert("\u{1a}".into(), AMQPValue::Void);
        let mut headers = FieldTable::default();
        headers.insert("nested".into(), AMQPValue::FieldArray(vec![AMQPValue::FieldTable(inner)].into()));
        let named = read(plain().with_headers(headers), "call.incoming");
        assert_eq!(named.unreadable.as_deref(), Some("name of a header"));
        assert_eq!(read(plain().with_message_id("größe".into()), "call.incoming").unreadable, None);
    }

    #[test]
    fn headers_are_read_in_any_type() {
        let mut headers = FieldTable::default();
        headers.insert("reference".into(), AMQPValue::ByteArray(b"call-1".as_slice().into()));
        headers.insert("traceparent".into(), long(TRACE));
        headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(7));
        let mut raw =
            lapin::message::Delivery::mock(3, "".into(), "call.incoming".into(), true, b"{}".to_vec());
        raw.properties = BasicProperties::default().with_headers(headers).with_user_id("sbc".into());
        let read = delivery(raw);
        assert_eq!(read.reference.as_deref(), Some("call-1"));
        assert_eq!(read.traceparent.as_deref(), Some(TRACE));
        assert_eq!(read.user_id.as_deref(), Some("sbc"));
        assert_eq!((read.tag, read.delivery_count), (3, 7));
    }

    #[test]
    fn a_routing_key_that_amqp_cannot_carry_is_refused_not_truncated() {
        let message = Message {
            id: "1".into(),
            routing_key: "k".repeat(256),
            correlation_id: String::new(),
            reference: String::new(),
            traceparent: None,
            body: String::new(),
        };
        let Err(reason) = command(message) else { panic!("256 bytes do not fit") };
        assert!(reason.contains("256"));
    }
}
