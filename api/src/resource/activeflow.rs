//! The activeflow resource of `/v1`: the fields of v1.0 by the same names, and fields for operators.

use common::ports::lookup::ActiveflowSnapshot;
use common::ports::work::Control;
use common::record::State;
use flow::cursor::{CursorState, Failure};
use flow::preview::{self, Planned};
use flow::{Bundle, Cursor, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An id that is not set.
pub const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// One run of a flow, for a call, message, SIM or other reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Activeflow {
    #[schema(format = Uuid, example = "fe666626-404e-8cda-8f91-548226f0eb5a")]
    pub id: String,
    #[schema(example = "5e4a0680-804e-11ec-8477-2fea5968d85b")]
    pub customer_id: String,
    #[schema(example = "ed74f4ae-a5bb-87af-8c22-70b91cab9797")]
    pub flow_id: String,
    /// `running` in every state except `ended`.
    #[schema(example = "running")]
    pub status: String,
    /// Kind of the reference: `call`, `sms`, `sim`, …
    #[schema(example = "call")]
    pub reference_type: String,
    /// Id of the reference, as the event's source names it.
    #[schema(example = "call-4711")]
    pub reference_id: String,
    /// The current action; after the end, the last one.
    pub current_action: CurrentAction,
    /// Target of a requested jump that is not executed yet, or the nil UUID.
    #[schema(example = "00000000-0000-0000-0000-000000000000")]
    pub forward_action_id: String,
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T05:00:00.012345Z")]
    pub tm_create: Timestamp,
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T05:00:04.000001Z")]
    pub tm_update: Timestamp,
    /// Always far in the future; an ended activeflow is deleted after its retention.
    #[schema(value_type = String, format = DateTime, example = "9999-01-01T00:00:00.000000Z")]
    pub tm_delete: Timestamp,
    /// `ready`, `claimed`, `waiting`, `paused`, `quarantined` or `ended`.
    #[schema(example = "waiting")]
    pub state: String,
    /// Reason of the end: `finished`, `hangup`, `stopped`, `failed`, `limit.…`, `quarantined`.
    #[schema(required = true, example = json!(null))]
    pub end_reason: Option<String>,
    /// The error that ended it.
    #[schema(required = true)]
    pub error: Option<ActionError>,
    /// Number of actions that have failed, also where the flow went on.
    #[serde(default)]
    #[schema(example = 0)]
    pub failed_actions: u32,
    /// The error of the last action that has failed, also where the flow went on.
    #[serde(default)]
    #[schema(required = true)]
    pub last_failure: Option<ActionError>,
    /// Event types that can end the current wait; `command.completed` for missing answers, `timer` for the deadline.
    #[schema(example = json!(["call.digits", "timer"]))]
    pub waiting_for: Vec<String>,
    #[schema(value_type = Option<String>, format = DateTime, required = true, example = "2026-11-22T05:00:14.000000Z")]
    pub waiting_until: Option<Timestamp>,
    /// Hash of the bundle on which it runs until its end: SHA-256 in hexadecimal.
    pub version_id: String,
    #[schema(example = "Support line")]
    pub flow_name: String,
    #[schema(example = 1)]
    pub flow_version: u32,
    /// Number of times that a worker died while it ran only this activeflow.
    #[schema(example = 0)]
    pub attempts: u32,
    /// Number of waiting inputs.
    #[schema(example = 0)]
    pub inbox: u32,
    /// Number of commands that are not confirmed yet.
    #[schema(example = 0)]
    pub outbox: u32,
    /// Only in the response for a single activeflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"call": {"from": "+15550100", "to": "+15550111"}}))]
    pub variables: Option<Map<String, Value>>,
}

/// An action of the flow, as in its document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CurrentAction {
    #[schema(example = "menu")]
    pub id: String,
    /// The next action; the nil UUID if the flow ends there.
    #[schema(example = "sales")]
    pub next_id: String,
    /// Type of the action; empty before the first action.
    #[serde(rename = "type")]
    #[schema(example = "digits_receive")]
    pub kind: String,
    #[schema(value_type = Object, example = json!({"length": 1, "duration": 5000}))]
    pub option: Value,
}

/// An action's error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActionError {
    #[schema(example = "invalid_option")]
    pub code: String,
    #[schema(example = "expected a whole number from 0, got `many`")]
    pub message: String,
    #[schema(required = true, example = "wait")]
    pub action_id: Option<String>,
}

impl Activeflow {
    /// Without the bundle the current action is only its id.
    pub fn of(found: &ActiveflowSnapshot, bundle: Option<&Bundle>) -> Activeflow {
        let record = &found.record;
        let spec = &record.spec;
        // Without a readable cursor (not started yet, or a newer format), the record provides the rest.
        let cursor = found.cursor().ok();
        let (end_reason, error) = ending(record.state, cursor.as_ref());
        Activeflow {
            id: found.id.to_string(),
            customer_id: spec.customer_id.clone(),
            flow_id: spec.flow.id.clone(),
            status: if record.state == State::Ended { "ended" } else { "running" }.to_owned(),
            reference_type: spec.reference.kind.clone(),
            reference_id: spec.reference.subject.clone(),
            current_action: current_action(cursor.as_ref(), bundle),
            forward_action_id: match &found.control {
                Some(Control::Forward { action_id }) => action_id.clone(),
                _ => NIL.to_owned(),
            },
            tm_create: record.created,
            tm_update: record.updated,
            tm_delete: NEVER,
            state: record.state.name().to_owned(),
            end_reason,
            error,
            failed_actions: cursor.as_ref().map_or(0, Cursor::failed_actions),
            last_failure: cursor.as_ref().and_then(Cursor::last_failure).cloned().map(ActionError::from),
            waiting_for: match (record.state, &cursor, bundle) {
                (State::Waiting, Some(cursor), Some(bundle)) => preview::waiting_for(bundle, cursor),
                _ => Vec::new(),
            },
            waiting_until: record.deadline,
            version_id: common::identity::hex(&spec.bundle),
            flow_name: spec.flow.name.clone(),
            flow_version: spec.flow.version,
            attempts: u32::from(record.attempts),
            inbox: count(found.inbox.len()),
            outbox: count(found.outbox.len()),
            variables: None,
        }
    }

    pub fn with_variables(self, found: &ActiveflowSnapshot) -> Activeflow {
        let variables = found.cursor().map(|cursor| cursor.variables());
        let variables = match variables {
            Ok(Value::Object(variables)) => variables,
            _ => Map::new(),
        };
        Activeflow { variables: Some(variables), ..self }
    }
}

impl From<Failure> for ActionError {
    fn from(failure: Failure) -> ActionError {
        ActionError { code: failure.code, message: failure.message, action_id: failure.action_id }
    }
}

impl From<Planned> for CurrentAction {
    fn from(planned: Planned) -> CurrentAction {
        CurrentAction {
            id: planned.id,
            next_id: planned.next_id.unwrap_or_else(|| NIL.to_owned()),
            kind: planned.kind.to_owned(),
            option: planned.option,
        }
    }
}

/// 9999-01-01T00:00:00Z
const NEVER: Timestamp = Timestamp::from_micros(253_370_764_800_000_000);

/// One that was quarantined and then stopped ended without a step.
fn ending(state: State, cursor: Option<&Cursor>) -> (Option<String>, Option<ActionError>) {
    match (state, cursor.map(Cursor::state)) {
        (_, Some(CursorState::Ended(ending))) => (Some(ending.reason), ending.error.map(ActionError::from)),
        (State::Ended, _) => (Some("quarantined".to_owned()), None),
        _ => (None, None),
    }
}

fn current_action(cursor: Option<&Cursor>, bundle: Option<&Bundle>) -> CurrentAction {
    let planned = cursor.zip(bundle).and_then(|(cursor, bundle)| preview::current(bundle, cursor));
    if let Some(planned) = planned {
        return CurrentAction::from(planned);
    }
    let id = cursor.and_then(Cursor::current_action).unwrap_or(NIL).to_owned();
    CurrentAction { id, next_id: NIL.to_owned(), kind: String::new(), option: Value::Object(Map::new()) }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_time_is_the_documented_one() {
        assert_eq!(NEVER.to_string(), "9999-01-01T00:00:00.000000Z");
    }
}
