//! Messages as AMQP carries them: properties and headers, in both directions.

use super::topology::{COMMANDS, NOTICES, REJECTED};
use common::command::Message;
use common::ports::bus::{Delivery, Rejection};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

const CONTENT_TYPE: &str = "application/cloudevents+json";
const PERSISTENT: u8 = 2;
/// All headers of a message must fit into one frame (128 KiB at RabbitMQ), which lapin does not check: the broker closes
/// the connection instead. So what comes from outside is cut.
const MAX_EXPLANATION: usize = 4_096;
const MAX_ORIGINAL: usize = 1_024;
const MAX_REFERENCE: usize = 256;

pub(super) const REFERENCE: &str = "reference";
pub(super) const TRACEPARENT: &str = "traceparent";
/// What a rejected message carries besides its body: `x-signalbox-reason`, `-message`, and each `original` entry.
pub(super) const REJECTION_PREFIX: &str = "x-signalbox-";

/// A message that is ready to leave.
pub(super) struct Publication {
    pub exchange: ShortString,
    pub routing_key: ShortString,
    pub properties: BasicProperties,
    pub body: Vec<u8>,
}

/// # Errors
/// What cannot be said in AMQP: ids and routing keys are at most 255 bytes long.
pub(super) fn command(message: Message) -> Result<Publication, String> {
    addressed(COMMANDS, message)
}

pub(super) fn notice(message: Message) -> Result<Publication, String> {
    addressed(NOTICES, message)
}

fn addressed(exchange: &str, message: Message) -> Result<Publication, String> {
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
    set("reason", cut(&rejection.reason, MAX_ORIGINAL))?;
    set("message", cut(&rejection.message, MAX_EXPLANATION))?;
    for (name, value) in &rejection.original {
        set(&name.replace('_', "-"), cut(value, MAX_ORIGINAL))?;
    }
    let mut properties = persistent(headers);
    if let Some(id) = rejection.original.get("message_id") {
        properties = properties.with_message_id(short("message_id", id)?);
    }
    Ok(Publication { exchange: "".into(), routing_key: REJECTED.into(), properties, body: rejection.body })
}

pub(super) fn delivery(delivery: lapin::message::Delivery) -> Delivery {
    let properties = &delivery.properties;
    Delivery {
        tag: delivery.delivery_tag,
        reference: header(properties, REFERENCE).map(|text| cut(&text, MAX_REFERENCE).to_owned()),
        message_id: properties.message_id().as_ref().map(ToString::to_string),
        traceparent: header(properties, TRACEPARENT).filter(|text| flow::event::traceparent(text).is_some()),
        user_id: properties.user_id().as_ref().map(ToString::to_string),
        delivery_count: header(properties, "x-delivery-count").and_then(|n| n.parse().ok()).unwrap_or(0),
        routing_key: delivery.routing_key.to_string(),
        body: delivery.data,
    }
}

/// A header as text, whichever of its types a client library chose.
pub(super) fn header(properties: &BasicProperties, name: &str) -> Option<String> {
    text(properties.headers().as_ref()?.inner().get(name)?)
}

pub(super) fn text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(s) => Some(String::from_utf8_lossy(s.as_bytes()).into_owned()),
        AMQPValue::ByteArray(b) => Some(String::from_utf8_lossy(b.as_slice()).into_owned()),
        AMQPValue::ShortString(s) => Some(s.to_string()),
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
    ShortString::try_new(text).map_err(|_| format!("{what} of {} bytes: AMQP takes at most 255", text.len()))
}

/// A header that came from outside, as far as it may go out again.
pub(super) fn original(text: &str) -> AMQPValue {
    long(cut(text, MAX_ORIGINAL))
}

pub(super) fn long(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_header_of_any_size_comes_in_cut_and_a_trace_of_another_shape_not_at_all() {
        let mut headers = FieldTable::default();
        headers.insert("reference".into(), long(&"\u{e4}".repeat(100_000)));
        headers.insert("traceparent".into(), long(&"x".repeat(100_000)));
        let mut raw = lapin::message::Delivery::mock(1, "".into(), "".into(), false, Vec::new());
        raw.properties = BasicProperties::default().with_headers(headers);
        let read = delivery(raw);
        assert_eq!(read.reference.map(|text| text.len()), Some(256));
        assert_eq!(read.traceparent, None);
    }

    /// A header frame that is larger than the broker takes ends the connection, again and again.
    #[test]
    fn a_rejection_fits_into_one_frame_whatever_came() {
        let huge = "\u{e4}".repeat(100_000);
        let names = ["routing_key", "reference", "user_id", "traceparent"];
        let rejection = Rejection {
            reason: huge.clone(),
            message: huge.clone(),
            body: Vec::new(),
            original: names.map(|name| (name.to_owned(), huge.clone())).into(),
        };
        let Ok(publication) = super::rejection(rejection) else { panic!("it can be said") };
        let table = publication.properties.headers().clone().unwrap_or_default();
        let lengths = table
            .inner()
            .iter()
            .map(|(name, value)| name.as_str().len() + text(value).unwrap_or_default().len());
        assert!(lengths.sum::<usize>() < 16 * 1_024);
        let kept = header(&publication.properties, "x-signalbox-reference").unwrap_or_default();
        assert_eq!((kept.len(), kept.contains('\u{fffd}')), (1_024, false));
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
    fn a_routing_key_that_amqp_cannot_carry_is_refused_not_cut() {
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
