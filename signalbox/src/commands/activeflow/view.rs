//! An activeflow as a person or a script sees it: the fields of interface.md.

use common::ports::lookup::Found;
use common::record::State;
use flow::cursor::{Failure, Rest};
use flow::{Cursor, Timestamp};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
pub struct View {
    pub id: String,
    pub state: &'static str,
    pub status: &'static str,
    pub customer_id: String,
    pub flow_id: String,
    pub flow_name: String,
    pub flow_version: u32,
    pub reference_type: String,
    pub reference_id: String,
    pub current_action: Option<String>,
    /// Until when it waits, if it waits with a limit.
    pub waiting_until: Option<Timestamp>,
    pub end_reason: Option<String>,
    pub error: Option<Failure>,
    pub attempts: u8,
    /// Inputs and commands that wait.
    pub inbox: usize,
    pub outbox: usize,
    pub tm_create: Timestamp,
    pub tm_update: Timestamp,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub variables: Value,
}

pub fn view(found: &Found) -> View {
    let record = &found.record;
    // Nothing has moved yet, or a newer version wrote it: the record tells what it can.
    let cursor = Cursor::from_bytes(&record.body).ok();
    let ending = cursor.as_ref().and_then(|cursor| match cursor.rest() {
        Rest::Ended(ending) => Some(ending),
        _ => None,
    });
    let (end_reason, error) = ending.map(|ending| (ending.reason, ending.error)).unzip();
    let seed = &record.seed;
    View {
        id: found.id.to_string(),
        state: record.state.name(),
        status: if record.state == State::Ended { "ended" } else { "running" },
        customer_id: seed.customer_id.clone(),
        flow_id: seed.flow.id.clone(),
        flow_name: seed.flow.name.clone(),
        flow_version: seed.flow.version,
        reference_type: seed.reference.kind.clone(),
        reference_id: seed.reference.subject.clone(),
        current_action: cursor.as_ref().and_then(|cursor| cursor.current_action().map(str::to_owned)),
        waiting_until: record.deadline,
        end_reason,
        error: error.flatten(),
        attempts: record.attempts,
        inbox: found.inbox.len(),
        outbox: found.outbox.len(),
        tm_create: record.created,
        tm_update: record.updated,
        variables: cursor.map_or(Value::Null, |cursor| cursor.variables()),
    }
}
