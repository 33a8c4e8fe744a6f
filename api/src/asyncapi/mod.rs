//! The AsyncAPI 3.0 document of the AMQP messages, generated from the types in `events.rs`, `commands.rs` and
//! `notices.rs`. It is committed as `api/asyncapi.json` and served at `/asyncapi.json`.

mod commands;
mod events;
mod message;
mod notices;

use message::{BINDING, CONTENT_TYPE, MessageKind, Table};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// The document as JSON text, indented.
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| common::json::to_pretty_text(&document()) + "\n")
}

fn document() -> Value {
    let answers = events::ANSWERS.map(|kind| json!({ "$ref": format!("#/channels/events/messages/{kind}") }));
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Signalbox over AMQP",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Carriers publish events. Gateways execute commands and reply with events. Every message is \
                a CloudEvent 1.0 in structured mode. New fields and types may be added: ignore unknown ones.",
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "broker": {
                "host": "localhost:5672",
                "protocol": "amqp",
                "protocolVersion": "0.9.1",
                "description": "The RabbitMQ broker (3.10 or later) of the setting amqp.url.",
            },
        },
        "channels": {
            "events": channel(
                Table::Event,
                "Events. Routing key = type, header `reference` = subject. Publish persistent messages with confirms: a nack \
                    means that the queue is full, so wait and publish the same message again.",
                events::ALL,
            ),
            "commands": channel(
                Table::Command,
                "Commands to gateways. Bind your own durable queue by type: `call.#`, `message.#`. Commands that match no \
                    queue are stored in the queue `signalbox.unrouted`.",
                commands::ALL,
            ),
            "notices": channel(
                Table::Notice,
                "Optional notices. They are dropped if no queue is bound.",
                notices::ALL,
            ),
        },
        "operations": {
            "takeEvent": operation("receive", Table::Event, events::ALL, json!({ "ack": true })),
            "sendCommand": with(
                operation("send", Table::Command, commands::ALL, json!({ "deliveryMode": 2 })),
                "reply",
                json!({ "channel": { "$ref": "#/channels/events" }, "messages": answers }),
            ),
            "sendNotice": operation("send", Table::Notice, notices::ALL, json!({ "deliveryMode": 2 })),
        },
        "components": { "messages": messages(), "messageTraits": traits() },
    })
}

fn channel(table: Table, description: &str, kinds: &[MessageKind]) -> Value {
    let exchange = format!("signalbox.{}s", table.name());
    let reference = |kind: &MessageKind| {
        let message = json!({ "$ref": format!("#/components/messages/{}", kind.component(table)) });
        (kind.key().to_owned(), message)
    };
    json!({
        "address": "{type}",
        "title": exchange,
        "description": description,
        "messages": kinds.iter().map(reference).collect::<Map<_, _>>(),
        "parameters": {
            "type": {
                "description": "The routing key: the message's type.",
                "location": "$message.payload#/type",
                "examples": kinds.iter().map(|kind| (kind.example)()["type"].clone()).collect::<Vec<_>>(),
            },
        },
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": { "name": exchange, "type": "topic", "durable": true, "autoDelete": false },
                "bindingVersion": BINDING,
            },
        },
    })
}

fn operation(action: &str, table: Table, kinds: &[MessageKind], amqp: Value) -> Value {
    let channel = format!("#/channels/{}s", table.name());
    let messages = kinds.iter().map(|kind| json!({ "$ref": format!("{channel}/messages/{}", kind.key()) }));
    json!({
        "action": action,
        "channel": { "$ref": channel },
        "messages": messages.collect::<Vec<_>>(),
        "bindings": { "amqp": with(amqp, "bindingVersion", BINDING.into()) },
    })
}

fn messages() -> Map<String, Value> {
    [(Table::Event, events::ALL), (Table::Command, commands::ALL), (Table::Notice, notices::ALL)]
        .into_iter()
        .flat_map(|(table, kinds)| {
            kinds.iter().map(move |kind| (kind.component(table), kind.describe(table)))
        })
        .collect()
}

/// Properties and headers; AsyncAPI's bindings cannot describe the properties.
fn traits() -> Value {
    let headers = |reference: &str| {
        json!({
            "type": "object",
            "properties": {
                "reference": { "type": "string", "maxLength": 256, "description": reference },
                "traceparent": { "type": "string", "description": "W3C Trace Context, version 00." },
            },
        })
    };
    let of_signalbox = |correlation: &str| {
        json!({
            "headers": headers("The subject."),
            "x-amqp-properties": {
                "message_id": "the id; a repeated message has the same id and the same bytes",
                "correlation_id": correlation,
                "content_type": CONTENT_TYPE,
                "delivery_mode": 2,
            },
        })
    };
    json!({
        "event": {
            "headers": headers("The subject. It preserves the order when events are distributed over several queues."),
            "x-amqp-properties": {
                "message_id": "the event's id",
                "content_type": CONTENT_TYPE,
                "delivery_mode": 2,
                "user_id": "optional; the setting amqp.realms assigns a separate realm to a user's events",
            },
        },
        "command": of_signalbox("the activeflow's id"),
        "notice": of_signalbox("the notice's id"),
    })
}

fn with(mut object: Value, key: &str, value: Value) -> Value {
    object[key] = value;
    object
}

#[cfg(test)]
mod tests;
