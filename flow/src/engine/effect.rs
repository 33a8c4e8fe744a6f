//! Effects of a step: requests to other systems.

use super::quota::Pair;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A request to another system. Stored with the cursor before it is performed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    Command(Command),
}

/// A command to a gateway. Its id is `<activeflow id>:<sequence>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Counts the activeflow's commands from 1.
    pub sequence: u32,
    /// CloudEvents type and routing key, for example `call.talk`.
    pub kind: String,
    pub action_id: String,
    pub data: Map<String, Value>,
}

impl Command {
    /// Sender and receiver, if the command sends a message.
    pub fn message_pair(&self) -> Option<Pair> {
        let number = |key: &str| Some(self.data.get(key)?.as_str()?.to_owned());
        if self.kind == "message.send" { Some((number("from")?, number("to")?)) } else { None }
    }
}
