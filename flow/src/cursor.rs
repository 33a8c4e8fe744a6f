//! Where an activeflow stands: frames, variables, the wait, early inputs. Stored as an opaque body.

use crate::{Bundle, Event, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who an activeflow is; expressions see it as `activeflow.*`, `flow.*`, `customer.*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub activeflow_id: String,
    pub customer_id: String,
    pub reference_type: String,
    pub reference_id: String,
}

/// Where an activeflow stands. Only [`crate::step`] changes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    identity: Identity,
}

/// What one call of [`crate::step`] is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The event that starts the activeflow: the first input of every cursor.
    Started(Event),
    /// Any later event of the reference, and `command.completed`, `command.failed`.
    /// `start` is what the event would start if nobody takes it: opaque here, kept beside an early input.
    Event { event: Event, start: Option<Vec<u8>> },
    /// The deadline of wait `wait` passed.
    Timer { wait: u64 },
    /// Go on after a bounded run of actions yielded.
    Resumed,
    /// Control: jump to an action now.
    Forwarded { action_id: String },
    /// Control: end the current wait as if it were satisfied.
    Continued,
    /// Control: end now.
    Stopped,
}

/// What an activeflow rests on after a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Rest {
    /// Waits under an id that changes with every new wait; `until` is absolute.
    Waiting {
        wait: u64,
        until: Option<Timestamp>,
    },
    /// Ran its bounded number of actions; wants [`Input::Resumed`].
    Yielded,
    Ended(Ending),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// As `end_reason` in interface.md: `finished`, `hangup`, `stopped`, `failed`, `limit.actions`, ...
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// An action's error: `${error.code}`, `${error.message}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub code: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_id: Option<String>,
}

/// An input that no action took yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Early {
    pub event: Event,
    /// Opaque bytes of what the event would start, as they came with the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Vec<u8>>,
}

impl Cursor {
    pub fn new(bundle: &Bundle, identity: Identity) -> Cursor {
        let _ = bundle;
        Cursor { identity }
    }

    /// # Errors
    /// Where and why the bytes are not a cursor of a known format.
    pub fn from_bytes(bytes: &[u8]) -> Result<Cursor, String> {
        serde_json::from_slice(bytes).map_err(|e| e.to_string())
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub fn rest(&self) -> Rest {
        Rest::Yielded
    }

    /// The id of the current action; of the last one when the activeflow has ended.
    pub fn current_action(&self) -> Option<&str> {
        None
    }

    /// What nobody took: at the end the executor hands those with a `start` on.
    pub fn early(&self) -> &[Early] {
        &[]
    }

    /// All variables as a person may look at them (`activeflow get`).
    pub fn variables(&self) -> Value {
        Value::Null
    }
}
