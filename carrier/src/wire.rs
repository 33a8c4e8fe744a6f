//! Events as they are published and commands as they are read.

use flow::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// An event, ready to be published, and published again: the same bytes each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub kind: &'static str,
    pub subject: String,
    pub body: String,
}

impl Event {
    pub fn new(source: &str, id: String, kind: &'static str, subject: &str, data: &Value) -> Event {
        let body = json!({
            "specversion": "1.0", "id": id, "source": source, "type": kind, "subject": subject, "time": now(),
            "datacontenttype": "application/json", "data": data,
        });
        Event { id, kind, subject: subject.to_owned(), body: body.to_string() }
    }

    /// Whether it starts an activeflow where none listens yet.
    pub fn is_starter(&self) -> bool {
        matches!(self.kind, "call.incoming" | "message.received" | "sim.usage")
    }
}

/// A command, as a gateway reads it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Command {
    /// `<activeflow>:<sequence>`.
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub subject: String,
    pub time: Timestamp,
    pub data: Map<String, Value>,
}

impl Command {
    /// `None` for what is not a command of Signalbox.
    pub fn read(body: &[u8]) -> Option<Command> {
        let command: Command = serde_json::from_slice(body).ok()?;
        command.parts()?;
        Some(command)
    }

    /// The activeflow, and the command's number in it, from 1.
    pub fn parts(&self) -> Option<(&str, u32)> {
        let (activeflow, sequence) = self.id.rsplit_once(':')?;
        Some((activeflow, sequence.parse().ok()?))
    }

    pub fn text(&self, key: &str) -> &str {
        self.data.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn action_id(&self) -> &str {
        self.text("action_id")
    }
}

pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
