//! One kind of message: its data and its CloudEvent envelope.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

/// The version of AsyncAPI's bindings for AMQP.
pub const BINDING: &str = "0.3.0";
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// The table that contains a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Event,
    Command,
    Notice,
}

impl Table {
    pub fn name(self) -> &'static str {
        match self {
            Table::Event => "event",
            Table::Command => "command",
            Table::Notice => "notice",
        }
    }
}

/// An entry of the tables in `events.rs`, `commands.rs` and `notices.rs`.
pub struct MessageKind {
    /// CloudEvents `type` and routing key; a trailing `*` matches any name.
    pub kind: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Description of the subject; `None` if the subject is optional.
    pub subject: Option<&'static str>,
    pub data: fn(&mut SchemaGenerator) -> Schema,
    /// A complete message.
    pub example: fn() -> Value,
}

impl MessageKind {
    /// Its name in its channel.
    pub fn key(&self) -> &'static str {
        self.kind.trim_end_matches(".*")
    }

    /// Its name among all messages: `call.hangup` is an event and a command.
    pub fn component(&self, table: Table) -> String {
        format!("{}.{}", table.name(), self.key())
    }

    fn type_schema(&self) -> Value {
        match self.kind.strip_suffix('*') {
            Some(family) => {
                let pattern = format!("^{}[A-Za-z0-9._-]+$", family.replace('.', "\\."));
                json!({ "type": "string", "maxLength": 256, "pattern": pattern })
            }
            None => json!({ "const": self.kind }),
        }
    }

    /// The message object of AsyncAPI.
    pub fn describe(&self, table: Table) -> Value {
        let example = (self.example)();
        json!({
            "name": self.key(),
            "title": self.key(),
            "summary": self.summary,
            "contentType": CONTENT_TYPE,
            "traits": [{ "$ref": format!("#/components/messageTraits/{}", table.name()) }],
            "payload": self.payload(table),
            "bindings": { "amqp": { "bindingVersion": BINDING } },
            "examples": [{ "headers": { "reference": example["subject"] }, "payload": example }],
        })
    }

    fn payload(&self, table: Table) -> Value {
        let mut settings = SchemaSettings::draft07();
        settings.inline_subschemas = true;
        let mut data = (self.data)(&mut settings.into_generator());
        RecursiveTransform(left_out_not_null).transform(&mut data);
        let mut required = vec!["specversion", "id", "source", "type"];
        required.extend(self.subject.map(|_| "subject"));
        required.extend(data.get("required").map(|_| "data"));
        let (id, source) = match table {
            Table::Event => (
                text("Unique per source: an event with the same source and id has its effect only once."),
                text("The publishing system; any name except `signalbox`."),
            ),
            Table::Command | Table::Notice => {
                required.extend(["time", "datacontenttype"]);
                let id = text(
                    "Use it to detect duplicates: the same message may be delivered again, with the same bytes.",
                );
                (id, json!({ "const": "signalbox" }))
            }
        };
        let anything = "Optional. Default: derived from `data`, or from the event's source and id.";
        json!({
            "type": "object",
            "required": required,
            "properties": {
                "specversion": { "const": "1.0" },
                "id": id,
                "source": source,
                "type": self.type_schema(),
                "subject": text(self.subject.unwrap_or(anything)),
                "time": { "type": "string", "format": "date-time", "description": "Time of the event." },
                "datacontenttype": { "type": "string", "default": "application/json" },
                "traceparent": { "type": "string", "description": "W3C Trace Context, version 00." },
                "data": data,
            },
        })
    }
}

/// Optional fields are omitted, never null.
fn left_out_not_null(schema: &mut Schema) {
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if types.len() == 1 {
            let only = types.remove(0);
            schema.insert("type".to_owned(), only);
        }
    }
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 256, "description": description })
}
