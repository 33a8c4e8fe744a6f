//! Who is addressed by an event, and which route it matches. Pure: dispatcher, executor and API use the same.

use crate::{Event, Timestamp};
use serde::{Deserialize, Serialize};

/// The real thing an activeflow belongs to (interface.md, *References*).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reference {
    pub realm: String,
    pub kind: String,
    pub subject: String,
}

/// What routes match: `call=+15550111` is kind `call`, value `+15550111`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub kind: String,
    pub value: String,
}

/// Whom an event is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// `command.*`: the activeflow that asked for the command, by `data.command_id`.
    Command { activeflow_id: String, sequence: u32 },
    /// Everything else: the owner of a reference, or the flow that the address starts.
    /// `reference.subject` is empty when the event names none; whoever derives ids fills it (engine.md section 3).
    Reference { reference: Reference, address: Option<Address> },
}

/// When a route or trigger is active: from (inclusive) and until (exclusive), by the event's own time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_until: Option<Timestamp>,
}

/// Binds addresses to a flow. `pattern` is an exact address, a prefix (`+1555*`) or `*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// `<kind>=<pattern>`, unique with its window's start.
    pub id: String,
    pub kind: String,
    pub pattern: String,
    pub flow_id: String,
    pub customer_id: String,
    #[serde(default)]
    pub priority: i32,
    #[serde(flatten)]
    pub window: Window,
    /// When the route was deleted; it stays published for 7 days so that late events are judged by their own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
}

/// Whom `event` is for within `realm`, by the table *References* of interface.md.
///
/// # Errors
/// A sentence that names the missing or wrong field, its value and what to send instead.
pub fn addressee(event: &Event, realm: &str) -> Result<Addressee, String> {
    let _ = (event, realm);
    Err("not written yet".into())
}
