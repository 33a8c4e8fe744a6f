//! One input moves the cursor: total, deterministic, no I/O.

use crate::cursor::{Cursor, Input};
use crate::{Bundle, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What the outside is asked to do. Stored with the cursor before it is performed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    Command(Command),
}

/// A command to a gateway; its id is `<activeflow id>:<sequence>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Counts the activeflow's commands from 1.
    pub sequence: u32,
    /// CloudEvents type and routing key, for example `call.talk`.
    pub kind: String,
    pub action_id: String,
    pub data: Map<String, Value>,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_id: Option<String>,
    /// What happened, in a fixed vocabulary: `entered`, `completed`, `failed`, `waiting`, `early`, `dropped`, `empty_variable`, ...
    pub what: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub detail: Value,
}

/// The outcome of one input.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub cursor: Cursor,
    pub effects: Vec<Effect>,
    pub notes: Vec<Note>,
}

/// Moves `cursor` by one input. An input that is late, doubled or unexpected changes nothing.
pub fn step(bundle: &Bundle, cursor: Cursor, input: Input, now: Timestamp) -> Step {
    let _ = (bundle, input, now);
    Step { cursor, effects: Vec::new(), notes: Vec::new() }
}
