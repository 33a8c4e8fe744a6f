//! The progress of an activeflow: completed actions from the journal, the current action, and possible next actions.

use super::{ActionError, CurrentAction, NIL};
use common::journal::Entry;
use common::ports::lookup::ActiveflowSnapshot;
use common::record::State;
use flow::preview::{self, Planned};
use flow::step::{Note, NoteKind};
use flow::{Bundle, Cursor, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Progress of an activeflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Actions {
    /// The last 64 completed actions, oldest first.
    pub completed: Vec<CompletedAction>,
    /// The current action; `null` after the end.
    #[schema(required = true)]
    pub current: Option<CurrentAction>,
    /// Remaining actions of its flow, then of the flows that called it.
    pub pending: Vec<PendingAction>,
}

/// A completed action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CompletedAction {
    #[schema(example = "menu")]
    pub id: String,
    #[serde(rename = "type")]
    #[schema(example = "digits_receive")]
    pub kind: String,
    pub outcome: ActionOutcome,
    /// `null` if the journal no longer contains the start.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub started_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub ended_at: Timestamp,
    /// The action's options, as in the document.
    #[schema(value_type = Object, example = json!({"length": 1, "duration": 5000}))]
    pub inputs: Value,
    /// Outputs of its latest run, while its flow is on the stack.
    #[schema(value_type = Object, example = json!({"digits": "1", "timed_out": false}))]
    pub outputs: Map<String, Value>,
    /// The error, if it failed.
    #[schema(required = true)]
    pub error: Option<ActionError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum ActionOutcome {
    Completed,
    /// The action needs a call, and there is none.
    Skipped,
    Failed,
    /// A jump or the end of the activeflow interrupted the action.
    Interrupted,
}

/// A possible next action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PendingAction {
    #[schema(example = "bye")]
    pub id: String,
    #[serde(rename = "type")]
    #[schema(example = "hangup")]
    pub kind: String,
    #[schema(value_type = Object, example = json!({}))]
    pub option: Value,
    /// The next action; the nil UUID if its flow ends there.
    #[schema(example = "00000000-0000-0000-0000-000000000000")]
    pub next_id: String,
    /// Whether a decision comes before this action.
    pub conditional: bool,
}

/// Maximum number of completed actions.
const MAX_COMPLETED: usize = 64;

impl Actions {
    /// Without the bundle, only the journal is used.
    pub fn of(found: &ActiveflowSnapshot, bundle: Option<&Bundle>) -> Actions {
        let entries = found.journal.iter().filter_map(|bytes| Entry::from_bytes(bytes));
        let cursor = cursor_of(found, bundle);
        let mut completed: Vec<CompletedAction> = completed_actions(entries.flat_map(|entry| entry.notes));
        completed.drain(..completed.len().saturating_sub(MAX_COMPLETED));
        for action in &mut completed {
            let option = bundle.and_then(|bundle| preview::option(bundle, &action.id, &action.kind));
            action.inputs = option.unwrap_or_else(|| Value::Object(Map::new()));
        }
        // Only the last run of an action has outputs.
        let mut seen = std::collections::BTreeSet::new();
        for action in completed.iter_mut().rev().filter(|action| seen.insert(action.id.clone())) {
            let outputs = cursor.as_ref().and_then(|cursor| preview::outputs(cursor, &action.id));
            action.outputs = outputs.cloned().unwrap_or_default();
        }
        let ahead = cursor.as_ref().zip(bundle).filter(|_| found.record.state != State::Ended);
        Actions {
            completed,
            current: ahead
                .and_then(|(cursor, bundle)| preview::current(bundle, cursor))
                .map(CurrentAction::from),
            pending: ahead
                .map(|(cursor, bundle)| preview::pending(bundle, cursor))
                .unwrap_or_default()
                .into_iter()
                .map(PendingAction::from)
                .collect(),
        }
    }
}

impl From<Planned> for PendingAction {
    fn from(planned: Planned) -> PendingAction {
        PendingAction {
            id: planned.id,
            kind: planned.kind.to_owned(),
            option: planned.option,
            next_id: planned.next_id.unwrap_or_else(|| NIL.to_owned()),
            conditional: planned.conditional,
        }
    }
}

/// The stored cursor, or the initial one before the first step.
fn cursor_of(found: &ActiveflowSnapshot, bundle: Option<&Bundle>) -> Option<Cursor> {
    if !found.record.body.is_empty() {
        return found.cursor().ok();
    }
    bundle.map(|bundle| Cursor::new(bundle, found.record.spec.identity(found.id)))
}

/// An action that was entered and has not completed.
struct Open {
    id: String,
    kind: String,
    entered: Timestamp,
    waits: bool,
}

/// Completed actions, in the order of their end.
fn completed_actions(notes: impl Iterator<Item = Note>) -> Vec<CompletedAction> {
    let mut open: Vec<Open> = Vec::new();
    let mut over = Vec::new();
    for note in notes {
        let (Some(id), kind) = (note.action_id, note.action_type.unwrap_or_default()) else { continue };
        match note.what {
            NoteKind::Entered => {
                // An action that does not wait completes when the next one is entered; a subroutine continues below it.
                if open.last().is_some_and(|last| last.kind != SUBROUTINE) {
                    over.extend(open.pop().map(|last| last.ended(ActionOutcome::Completed, note.at)));
                }
                open.push(Open { id, kind, entered: note.at, waits: false });
            }
            NoteKind::Waiting => {
                if let Some(last) = open.last_mut() {
                    last.waits = true;
                }
            }
            what @ (NoteKind::Completed | NoteKind::Skipped | NoteKind::Failed) => {
                let (outcome, error) = match what {
                    NoteKind::Completed => (ActionOutcome::Completed, None),
                    NoteKind::Skipped => (ActionOutcome::Skipped, None),
                    _ => (ActionOutcome::Failed, Some(error(&note.detail, &id))),
                };
                let at = open.iter().rposition(|open| open.id == id).unwrap_or(open.len());
                let mut closed = open.split_off(at).into_iter();
                let this = closed.next();
                over.extend(closed.map(|inner| inner.ended(ActionOutcome::Completed, note.at)));
                let ended = match this {
                    Some(this) => this.ended(outcome, note.at),
                    None => CompletedAction { started_at: None, ..blank(id, kind, outcome, note.at) },
                };
                over.push(CompletedAction { error, ..ended });
            }
            NoteKind::Forwarded if open.last().is_some_and(|last| last.kind != SUBROUTINE) => {
                over.extend(open.pop().map(|last| last.ended(ActionOutcome::Interrupted, note.at)));
            }
            NoteKind::Ended => {
                while let Some(last) = open.pop() {
                    let is_cut = last.waits || last.kind == SUBROUTINE;
                    let outcome = if is_cut { ActionOutcome::Interrupted } else { ActionOutcome::Completed };
                    over.push(last.ended(outcome, note.at));
                }
            }
            _ => {}
        }
    }
    over
}

/// Type of the action that runs another flow.
const SUBROUTINE: &str = "subroutine";

impl Open {
    fn ended(self, outcome: ActionOutcome, at: Timestamp) -> CompletedAction {
        CompletedAction { started_at: Some(self.entered), ..blank(self.id, self.kind, outcome, at) }
    }
}

fn blank(id: String, kind: String, outcome: ActionOutcome, ended_at: Timestamp) -> CompletedAction {
    CompletedAction {
        id,
        kind,
        outcome,
        started_at: None,
        ended_at,
        inputs: Value::Null,
        outputs: Map::new(),
        error: None,
    }
}

fn error(detail: &Value, action_id: &str) -> ActionError {
    let text = |key: &str| detail.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    ActionError { code: text("code"), message: text("message"), action_id: Some(action_id.to_owned()) }
}
