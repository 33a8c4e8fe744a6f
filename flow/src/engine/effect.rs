//! What a step asks of the outside. Effects are stored with the cursor before they are performed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    Command(Command),
}

/// A command to a gateway. Its id is `<activeflow id>:<sequence>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Number of the command within its activeflow, from 1.
    pub sequence: u32,
    /// CloudEvents type and routing key, for example `call.talk`.
    pub kind: String,
    pub action_id: String,
    pub data: Map<String, Value>,
}
