//! The envelope of a command, as gateways receive it. Its bytes are stored before they are published.

use crate::{ActiveflowId, json};
use flow::Timestamp;
use flow::route::Reference;
use flow::step::Command;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// `<activeflow id>:<sequence>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommandId {
    pub activeflow: ActiveflowId,
    pub sequence: u32,
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.activeflow, self.sequence)
    }
}

/// Error of stored bytes that are not a command.
#[derive(Debug, thiserror::Error)]
#[error("a stored command is not readable: {0}")]
pub struct UnreadableCommand(String);

/// A message for the bus. Publishing it again sends the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `message_id`.
    pub id: String,
    /// Routing key: the command's type.
    pub routing_key: String,
    /// `correlation_id`: the activeflow's id.
    pub correlation_id: String,
    /// Header `reference`: the subject.
    pub reference: String,
    /// Header `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// CloudEvents JSON.
    pub body: String,
}

impl Message {
    /// Builds the message of a command. `now` is the time of the transition that produced the command.
    pub fn command(id: ActiveflowId, reference: &Reference, command: &Command, now: Timestamp) -> Message {
        let command_id = CommandId { activeflow: id, sequence: command.sequence }.to_string();
        let mut data = Map::new();
        data.insert("activeflow_id".into(), Value::String(id.to_string()));
        data.insert("action_id".into(), Value::String(command.action_id.clone()));
        data.extend(command.data.clone());
        let body = serde_json::json!({
            "specversion": "1.0",
            "id": command_id,
            "source": "signalbox",
            "type": command.kind,
            "subject": reference.subject,
            "time": now,
            "datacontenttype": "application/json",
            "data": data,
        });
        Message {
            id: command_id,
            routing_key: command.kind.clone(),
            correlation_id: id.to_string(),
            reference: reference.subject.clone(),
            traceparent: None,
            body: body.to_string(),
        }
    }

    /// Bytes for the store.
    pub fn to_bytes(&self) -> Vec<u8> {
        json::to_bytes(self)
    }

    /// # Errors
    /// The stored bytes are not a message.
    pub fn from_bytes(bytes: &[u8]) -> Result<Message, UnreadableCommand> {
        serde_json::from_slice(bytes).map_err(|error| UnreadableCommand(json::reason(&error)))
    }
}
