//! The cursor, the state of an activeflow: frames, variables, the wait, early inputs. Stored as an opaque body.
//!
//! ```text
//!  new ──Started──► runs ──► waits ◄──────┐
//!                    │ ▲       │ an input │ that the wait consumes
//!                    ▼ └───────┴──────────┘
//!                  ended
//! ```
//! It is JSON with short names: every transition stores it anew. It repeats nothing that is in the bundle, and not what
//! never changes: identity and trigger are stored beside it. Every new wait has the next id, so a
//! late timer names a wait that no longer exists.

use super::effect::Command;
use crate::class::Class;
use crate::format::FormatError;
use crate::json;
use crate::program::{Bundle, Wait};
use crate::routing::Event;
use crate::routing::route::is_single_use;
use crate::time::{Timestamp, micros};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub use crate::program::Failure;

/// Identity of an activeflow. Expressions see it as `activeflow.*`, `flow.*`, `customer.*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub activeflow_id: String,
    pub customer_id: String,
    pub reference_type: String,
    pub reference_id: String,
}

/// The command that ends a call, and the event that reports the end.
pub(super) const HANGUP: &str = "call.hangup";

/// State of an activeflow. Only [`crate::step()`] changes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    #[serde(skip)]
    pub(crate) identity: Identity,
    /// The event that started it, once it has started.
    #[serde(skip)]
    pub(crate) trigger: Option<Event>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none", with = "micros")]
    pub(crate) started_at: Option<Timestamp>,
    #[serde(rename = "f")]
    pub(crate) frames: Vec<Frame>,
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub(crate) wait: Option<Wait>,
    /// Number of waits so far; the id of the latest one.
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    pub(crate) waits: u64,
    /// Number of commands so far; the sequence of the latest one.
    #[serde(rename = "c", default, skip_serializing_if = "is_none_yet")]
    pub(crate) sequence: u32,
    /// Number of executed actions.
    #[serde(rename = "x", default, skip_serializing_if = "is_none_yet")]
    pub(crate) executed: u32,
    /// Executions of each action since the last input.
    #[serde(rename = "r", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) repeated: BTreeMap<String, u32>,
    /// `call.digits`
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(crate) digits: Option<String>,
    /// `message.*`: the latest message that an action received. Without it, expressions see the trigger's data.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Map<String, Value>>,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Failure>,
    /// Number of actions that have failed.
    #[serde(rename = "k", default, skip_serializing_if = "is_none_yet")]
    pub(crate) failed: u32,
    /// Whether the flow has hung its call up.
    #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) hung_up: bool,
    #[serde(rename = "y", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) early: Vec<Early>,
    #[serde(rename = "z", default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<Ending>,
}

/// One flow on the stack: the main flow, or a subroutine above its caller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Frame {
    /// The flow's key in the bundle.
    #[serde(rename = "f")]
    pub flow: String,
    /// The current action; empty in a flow without actions.
    #[serde(rename = "a")]
    pub at: String,
    #[serde(rename = "v", default, skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
    /// `actions.<id>.*`
    #[serde(rename = "r", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub results: BTreeMap<String, Map<String, Value>>,
    /// Jumps of each counting `goto` since the flow entered its loop.
    #[serde(rename = "l", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub loops: BTreeMap<String, u64>,
}

/// Input of one call of [`crate::step()`].
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The event that starts the activeflow: the first input of every cursor.
    Started(Event),
    /// Any later event of the reference, and `command.completed`, `command.failed`.
    /// `start` describes the activeflow that the event starts if no action consumes it: opaque bytes, kept with an early event.
    Event { event: Event, start: Option<Vec<u8>> },
    /// The deadline of wait `wait` passed.
    Timer { wait: u64 },
    /// Continue after a step that yielded.
    Resumed,
    /// Control: jump to an action now.
    Forwarded { action_id: String },
    /// Control: end the current wait as if it were satisfied.
    Continued,
    /// Control: end now.
    Stopped,
}

impl Input {
    /// The name in notes.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Input::Started(_) => "started",
            Input::Event { .. } => "event",
            Input::Timer { .. } => "timer",
            Input::Resumed => "resumed",
            Input::Forwarded { .. } => "forwarded",
            Input::Continued => "continued",
            Input::Stopped => "stopped",
        }
    }
}

/// State of a cursor after a step.
#[derive(Clone, Debug, PartialEq)]
pub enum CursorState {
    /// Waits. Every new wait has a new id.
    Waiting {
        wait: u64,
        until: Option<Timestamp>,
    },
    /// Reached the maximum of actions per step; needs [`Input::Resumed`].
    Yielded,
    Ended(Ending),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// `end_reason` of the API: `finished`, `hangup`, `stopped`, `failed`, `limit.actions`, ...
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// An event that no action has consumed yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Early {
    #[serde(rename = "e")]
    pub event: Event,
    /// Opaque description of the activeflow that the event starts, from [`Input::Event`].
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none", with = "base64_text")]
    pub start: Option<Vec<u8>>,
}

impl Early {
    /// Bytes that the event is counted with.
    pub fn size(&self) -> usize {
        json::encoded_len(&self.event) + self.start.as_ref().map_or(0, Vec::len)
    }
}

impl Cursor {
    pub fn new(bundle: &Bundle, identity: Identity) -> Cursor {
        let flow = bundle.main();
        let frame = Frame {
            flow: flow.key.clone(),
            at: flow.first(),
            variables: flow.variables.clone(),
            ..Frame::default()
        };
        Cursor {
            identity,
            trigger: None,
            started_at: None,
            frames: vec![frame],
            wait: None,
            waits: 0,
            sequence: 0,
            executed: 0,
            repeated: BTreeMap::new(),
            digits: None,
            message: None,
            error: None,
            failed: 0,
            hung_up: false,
            early: Vec::new(),
            ended: None,
        }
    }

    /// Reads a cursor. Identity and trigger are stored beside it.
    ///
    /// # Errors
    /// [`FormatError::Damaged`].
    pub fn from_json(json: &[u8], identity: Identity, trigger: Option<Event>) -> Result<Cursor, FormatError> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let read: Cursor = serde_path_to_error::deserialize(&mut reader).map_err(|e| {
            let (path, why) = (e.path(), e.inner());
            FormatError::damaged(format_args!("the cursor cannot be read at {path}: {why}"))
        })?;
        let trigger = trigger.filter(|_| read.started_at.is_some());
        Ok(Cursor { identity, trigger, ..read })
    }

    pub fn to_json(&self) -> Vec<u8> {
        json::to_bytes(self)
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The event that started it, once it has started.
    pub fn trigger(&self) -> Option<&Event> {
        self.trigger.as_ref()
    }

    pub fn state(&self) -> CursorState {
        match (&self.ended, &self.wait) {
            (Some(ending), _) => CursorState::Ended(ending.clone()),
            (None, Some(wait)) => CursorState::Waiting { wait: wait.id, until: wait.until },
            (None, None) => CursorState::Yielded,
        }
    }

    /// The id of the current action, or of the last one when the activeflow has ended.
    pub fn current_action(&self) -> Option<&str> {
        self.frames.last().map(|frame| frame.at.as_str()).filter(|at| !at.is_empty())
    }

    /// Events that no action consumed. At the end the executor redelivers those with a `start`.
    pub fn early(&self) -> &[Early] {
        &self.early
    }

    /// Number of actions that have failed, also where the flow went on.
    pub fn failed_actions(&self) -> u32 {
        // A cursor of an earlier release has no count.
        self.failed.max(u32::from(self.error.is_some()))
    }

    /// Failure of the last action that has failed.
    pub fn last_failure(&self) -> Option<&Failure> {
        self.error.as_ref()
    }

    /// The command that ends the call, when the activeflow ends and the call would go on without a flow.
    pub fn line_release(&self, bundle: &Bundle) -> Option<Command> {
        let flow = bundle.main();
        let holds_the_line = self.identity.reference_type == "call"
            && flow.class == Class::Voice
            && !flow.leaves_line
            && !self.hung_up;
        holds_the_line.then(|| Command {
            sequence: self.sequence.saturating_add(1),
            kind: HANGUP.to_owned(),
            action_id: self.current_action().unwrap_or_default().to_owned(),
            data: json::object([("reason", "normal".into())]),
        })
    }

    /// Whether the reference starts one activeflow only.
    pub(crate) fn is_single_use(&self) -> bool {
        is_single_use(&self.identity.reference_type)
    }

    pub(crate) fn is_of_a_call(&self) -> bool {
        self.identity.reference_type == "call"
            || self.trigger.as_ref().is_some_and(|event| event.kind.starts_with("call."))
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_none_yet(number: &u32) -> bool {
    *number == 0
}

/// Opaque bytes as base64 text, so that the cursor is readable JSON.
mod base64_text {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(bytes.as_deref().unwrap_or_default()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD_NO_PAD
            .decode(text)
            .map(Some)
            .map_err(|why| D::Error::custom(format!("expected base64: {why}")))
    }
}
