//! How far an activeflow is: what it did, by its journal; where it stands; what may follow.

use super::{ActionError, CurrentAction, NIL};
use common::journal::Entry;
use common::ports::lookup::Found;
use common::record::State;
use flow::cursor::Identity;
use flow::preview::{self, Planned};
use flow::step::{Note, NoteKind};
use flow::{Bundle, Cursor, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// How far an activeflow is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Actions {
    /// The last 64 that are over, oldest first.
    pub completed: Vec<CompletedAction>,
    /// Where it stands; `null` when it has ended.
    #[schema(required = true)]
    pub current: Option<CurrentAction>,
    /// The rest of its flow, and then of the flows that called it.
    pub pending: Vec<PendingAction>,
}

/// An action that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CompletedAction {
    #[schema(example = "menu")]
    pub id: String,
    #[serde(rename = "type")]
    #[schema(example = "digits_receive")]
    pub kind: String,
    pub outcome: ActionOutcome,
    /// `null` where the journal does not reach back so far.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub started_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub ended_at: Timestamp,
    /// Its options, as the document has them.
    #[schema(value_type = Object, example = json!({"length": 1, "duration": 5000}))]
    pub inputs: Value,
    /// What its latest run left behind, while its flow is on the stack.
    #[schema(value_type = Object, example = json!({"digits": "1", "timed_out": false}))]
    pub outputs: Map<String, Value>,
    /// Why it failed.
    #[schema(required = true)]
    pub error: Option<ActionError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum ActionOutcome {
    Completed,
    /// It needs a call, and there is none.
    Skipped,
    Failed,
    /// A jump or the activeflow's end came first.
    Interrupted,
}

/// An action that may follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PendingAction {
    #[schema(example = "bye")]
    pub id: String,
    #[serde(rename = "type")]
    #[schema(example = "hangup")]
    pub kind: String,
    #[schema(value_type = Object, example = json!({}))]
    pub option: Value,
    /// The nil UUID where it leads out of its flow.
    #[schema(example = "00000000-0000-0000-0000-000000000000")]
    pub next_id: String,
    /// Whether something is decided before it is reached.
    pub conditional: bool,
}

/// So many actions that are over are told of.
const MAX_COMPLETED: usize = 64;

impl Actions {
    /// Without the bundle there is nothing but the journal.
    pub fn of(found: &Found, bundle: Option<&Bundle>) -> Actions {
        let entries = found.journal.iter().filter_map(|bytes| serde_json::from_slice::<Entry>(bytes).ok());
        let cursor = cursor_of(found, bundle);
        let mut completed: Vec<CompletedAction> = over(entries.flat_map(|entry| entry.notes));
        completed.drain(..completed.len().saturating_sub(MAX_COMPLETED));
        for action in &mut completed {
            let option = bundle.and_then(|bundle| preview::option(bundle, &action.id, &action.kind));
            action.inputs = option.unwrap_or_else(|| Value::Object(Map::new()));
        }
        // An action that ran several times has left behind what the last run did.
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

/// Before the first step it stands where every new one does.
fn cursor_of(found: &Found, bundle: Option<&Bundle>) -> Option<Cursor> {
    if !found.record.body.is_empty() {
        return Cursor::from_bytes(&found.record.body).ok();
    }
    let spec = &found.record.spec;
    let identity = Identity {
        activeflow_id: found.id.to_string(),
        customer_id: spec.customer_id.clone(),
        reference_type: spec.reference.kind.clone(),
        reference_id: spec.reference.subject.clone(),
    };
    bundle.map(|bundle| Cursor::new(bundle, identity))
}

/// An action that was entered and is not over.
struct Open {
    id: String,
    kind: String,
    entered: Timestamp,
    waits: bool,
}

/// What is over, in the order of its end.
fn over(notes: impl Iterator<Item = Note>) -> Vec<CompletedAction> {
    let mut open: Vec<Open> = Vec::new();
    let mut over = Vec::new();
    for note in notes {
        let (Some(id), kind) = (note.action_id, note.action_type.unwrap_or_default()) else { continue };
        match note.what {
            NoteKind::Entered => {
                // An action that waits for nothing is over when the next one is entered; a subroutine goes on below it.
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

/// The type of an action below which others run.
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
