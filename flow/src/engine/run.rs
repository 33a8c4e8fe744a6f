//! The state of one call of [`crate::step()`], and the context that it offers to actions.

use super::cursor::{Cursor, Early, HANGUP};
use super::effect::{Command, Effect};
use super::note::{Note, NoteKind};
use super::quota::MessageQuota;
use super::variables::Scope;
use crate::json::{encoded_len, shown};
use crate::limits;
use crate::program::expression::{self, Fault, Template};
use crate::program::options::{Condition, Count, Data};
use crate::program::{Bundle, CommandReply, Context, Failure, Flow, Node, Wait, Work};
use crate::routing::Event;
use crate::routing::route::command_id;
use crate::time::Timestamp;
use serde_json::{Map, Value, json};

/// One call of `step`: the cursor that moves, and the output so far.
pub(crate) struct Run<'a> {
    pub bundle: &'a Bundle,
    pub cursor: Cursor,
    pub effects: Vec<Effect>,
    pub notes: Vec<Note>,
    /// Notes beyond the limit.
    pub notes_dropped: u32,
    pub now: Timestamp,
    /// Whether variables or results changed since they were measured.
    pub changed: bool,
    /// Maximum of actions in this step.
    pub actions: u32,
    /// Messages that this step may send.
    pub quota: MessageQuota,
    /// Work of this step.
    pub work: Work,
    /// Whether the step is a repetition up to the action for which not enough work was left.
    pub yields_for_work: bool,
    /// Set by an action for which not enough work was left: the number of actions before it.
    pub overrun: Option<u32>,
}

/// Units of work of a note, and of a command besides its texts.
const NOTE: usize = 64;
/// Units of work of each value of a data tree.
const PART: usize = 8;

/// Maximum nesting of a variable's value. A deeper value could not be read from the stored cursor.
const MAX_DEPTH: usize = 32;

/// The place of the cursor.
impl<'a> Run<'a> {
    /// The flow of the frame on top.
    pub fn flow(&self) -> Option<&'a Flow> {
        self.bundle.flow(&self.cursor.frames.last()?.flow)
    }

    /// The current action.
    pub fn node(&self) -> Option<&'a Node> {
        self.flow()?.node(&self.cursor.frames.last()?.at)
    }
}

/// The journal, early events, and replies.
impl Run<'_> {
    const MAX_EARLY: usize = 32;
    const MAX_EARLY_BYTES: usize = 8 * 1024;

    pub fn note(&mut self, what: NoteKind, detail: Value) {
        self.work.count(NOTE);
        if self.notes.len() >= limits::NOTES_PER_STEP && !NoteKind::LASTING.contains(&what) {
            self.notes_dropped += 1;
            return;
        }
        let action_id = self.cursor.current_action().map(str::to_owned);
        let action_type = self.node().map(|node| node.kind.name.to_owned());
        self.notes.push(Note { at: self.now, action_id, action_type, what, detail });
    }

    pub fn note_dropped_notes(&mut self) {
        if self.notes_dropped > 0 {
            let detail = json!({ "count": self.notes_dropped });
            let note = Note {
                at: self.now,
                action_id: None,
                action_type: None,
                what: NoteKind::NotesDropped,
                detail,
            };
            self.notes.push(note);
        }
    }

    /// Keeps an event for the next action that hears it, at `index` in the queue. Drops and notes it when the queue is full,
    /// but never one that starts an activeflow: the store counts these and refuses more of them, so that none is lost after
    /// its publisher was told that it is applied.
    pub fn keep_early(&mut self, index: usize, early: Early) {
        let kind = early.event.kind.clone();
        self.drop_replaced(&early);
        if early.start.is_none() && !self.has_room(&early) {
            self.note(NoteKind::Dropped, json!({ "type": kind, "event_id": early.event.id }));
            return;
        }
        self.note(NoteKind::Early, json!({ "type": kind, "event_id": early.event.id }));
        let index = index.min(self.cursor.early.len());
        self.cursor.early.insert(index, early);
    }

    /// Whether the early events that start nothing leave room for another one.
    fn has_room(&self, early: &Early) -> bool {
        let alike = || self.cursor.early.iter().filter(|kept| kept.start.is_none());
        let bytes: usize = alike().chain([early]).map(Early::size).sum();
        alike().count() < Self::MAX_EARLY && bytes <= Self::MAX_EARLY_BYTES
    }

    /// A total of a SIM's usage replaces an earlier one of the same period that waits to start an activeflow.
    fn drop_replaced(&mut self, early: &Early) {
        let total_of = |early: &Early| {
            let is_total = early.event.kind == "sim.usage" && early.event.data.contains_key("total_bytes");
            (is_total && early.start.is_some()).then(|| early.event.data.get("period").cloned())
        };
        let Some(period) = total_of(early) else { return };
        let replaced = self.cursor.early.iter().position(|kept| total_of(kept).as_ref() == Some(&period));
        if let Some(index) = replaced {
            let old = self.cursor.early.remove(index).event;
            self.note(
                NoteKind::Replaced,
                json!({ "type": old.kind, "event_id": old.id, "by": early.event.id }),
            );
        }
    }

    /// The sequence of the command that an event answers; `None` unless this activeflow sent the command.
    pub fn command_of(&self, event: &Event) -> Option<u32> {
        if !["command.completed", "command.failed"].contains(&event.kind.as_str()) {
            return None;
        }
        let (activeflow_id, sequence) = command_id(event.text("command_id")?)?;
        (activeflow_id == self.cursor.identity.activeflow_id).then_some(sequence)
    }
}

impl Context for Run<'_> {
    fn template_text(&mut self, template: &Template) -> Result<String, Failure> {
        let text = expression::as_text(&self.evaluate(template)?);
        match text.len() {
            0..=limits::TEXT => Ok(text),
            length => Err(Failure::new(
                "text_too_long",
                format!("the text has {length} bytes, the limit is {}", limits::TEXT),
            )),
        }
    }

    fn holds(&mut self, condition: &Condition) -> Result<bool, Failure> {
        Ok(expression::is_true(&self.evaluate(&condition.0)?))
    }

    fn whole_or(&mut self, whole: Option<&Count>, default: u64) -> Result<u64, Failure> {
        let template = match whole {
            None => return Ok(default),
            Some(Count::Fixed(number)) => return Ok(*number),
            Some(Count::Computed(template)) => template,
        };
        let value = self.evaluate(template)?;
        let number =
            value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()).or_else(|| whole_float(&value));
        number.ok_or_else(|| {
            Failure::new("invalid_option", format!("expected a whole number from 0, got {}", shown(&value)))
        })
    }

    fn data(&mut self, data: &Data) -> Result<Value, Failure> {
        let value = self.filled(data)?;
        if is_deeper(&value, MAX_DEPTH) {
            return Err(Failure::new(
                "too_deep",
                format!("the value is nested deeper than {MAX_DEPTH} levels"),
            ));
        }
        Ok(value)
    }

    fn own_and_peer(&self) -> (Option<String>, Option<String>) {
        let Some(event) = &self.cursor.trigger else { return (None, None) };
        let (own, peer) = match event.kind.as_str() {
            "call.outgoing" => ("from", "to"),
            kind if kind.starts_with("call.") || kind.starts_with("message.") => ("to", "from"),
            _ => return (None, None),
        };
        (event.text(own).map(str::to_owned), event.text(peer).map(str::to_owned))
    }

    fn has_early(&self, matches: fn(&Event) -> bool) -> bool {
        self.cursor.early.iter().any(|early| matches(&early.event))
    }

    fn command(&mut self, kind: &str, data: Map<String, Value>) -> u32 {
        self.work.count(NOTE + encoded_len(&data) / 16);
        self.cursor.sequence = self.cursor.sequence.saturating_add(1);
        let action_id = self.cursor.current_action().unwrap_or_default().to_owned();
        self.cursor.hung_up |= kind == HANGUP && !data.contains_key("reference_id");
        self.effects.push(Effect::Command(Command {
            sequence: self.cursor.sequence,
            kind: kind.to_owned(),
            action_id,
            data,
        }));
        self.cursor.sequence
    }

    fn take_from_quota(&mut self, from: &str, to: &[String]) -> Result<(), Failure> {
        self.quota.take_all(from, to)
    }

    fn name_of_next_command(&self) -> String {
        format!("{}-{}", self.cursor.identity.activeflow_id, self.cursor.sequence.saturating_add(1))
    }

    fn result(&mut self, key: &str, value: Value) {
        if let Some(frame) = self.cursor.frames.last_mut() {
            frame.results.entry(frame.at.clone()).or_default().insert(key.to_owned(), value);
            self.changed = true;
        }
    }

    fn set(&mut self, name: &str, value: Value) {
        let Some(frame) = self.cursor.frames.last_mut() else { return };
        self.changed = true;
        // A stored bundle may have a longer name than a document: an object that is nested deeper could not be read back.
        let mut parts: Vec<&str> = name.splitn(limits::NAME_PARTS, '.').collect();
        let Some(last) = parts.pop() else { return };
        let mut fields = &mut frame.variables;
        for part in parts {
            let slot = fields.entry(part).or_insert_with(|| json!({}));
            if !slot.is_object() {
                *slot = json!({});
            }
            let Value::Object(inner) = slot else { return };
            fields = inner;
        }
        fields.insert(last.to_owned(), value);
    }

    fn set_call_digits(&mut self, digits: String) {
        self.cursor.digits = Some(digits);
    }

    fn set_message(&mut self, message: Map<String, Value>) {
        self.cursor.message = Some(message);
        self.changed = true;
    }

    fn count_loop(&mut self, limit: u64) -> bool {
        let Some(frame) = self.cursor.frames.last_mut() else { return false };
        let count = frame.loops.entry(frame.at.clone()).or_insert(0);
        if *count >= limit {
            frame.loops.remove(&frame.at);
            return false;
        }
        *count += 1;
        true
    }

    fn note_skipped(&mut self, because: &str) {
        self.note(NoteKind::Skipped, json!({ "because": because }));
    }

    fn wait_ms(&self, ms: u64) -> Wait {
        let until = self.now.plus_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        Wait { until: Some(until), ..Wait::default() }
    }

    fn reply(&mut self, event: &Event) -> CommandReply {
        let sequence = self.command_of(event);
        let Some(wait) = &mut self.cursor.wait else { return CommandReply::Unrelated };
        if !sequence.is_some_and(|sequence| wait.commands.remove(&sequence)) {
            return CommandReply::Unrelated;
        }
        match event.kind.as_str() {
            "command.failed" => CommandReply::Failed(command_failure(event)),
            _ if wait.commands.is_empty() => CommandReply::Complete,
            _ => CommandReply::Partial,
        }
    }

    fn digits_so_far(&self) -> String {
        self.cursor.wait.as_ref().map(|wait| wait.digits.clone()).unwrap_or_default()
    }

    fn collect_digits(&mut self, digits: String) {
        if let Some(wait) = &mut self.cursor.wait {
            wait.digits = digits;
        }
    }
}

/// Evaluation of options.
impl Run<'_> {
    fn filled(&mut self, data: &Data) -> Result<Value, Failure> {
        let size = if let Data::Plain(value) = data { encoded_len(value) / 4 } else { 0 };
        self.work.charge(PART + size).map_err(|_| self.exhausted())?;
        Ok(match data {
            Data::Plain(value) => value.clone(),
            Data::Text(template) => self.evaluate(template)?,
            Data::List(items) => {
                items.iter().map(|item| self.filled(item)).collect::<Result<Vec<_>, _>>()?.into()
            }
            Data::Object(fields) => {
                let object: Result<Map<_, _>, _> =
                    fields.iter().map(|(key, value)| Ok((key.clone(), self.filled(value)?))).collect();
                Value::Object(object?)
            }
        })
    }

    fn evaluate(&mut self, template: &Template) -> Result<Value, Failure> {
        let flow =
            self.flow().ok_or_else(|| Failure::new("unknown_flow", "the flow is not in the bundle"))?;
        let scope = Scope { cursor: &self.cursor, flow };
        let evaluation = template.evaluate(&scope, &mut self.work).map_err(|fault| match fault {
            Fault::Wrong(message) => Failure::new("expression", message),
            Fault::Exhausted => self.exhausted(),
        })?;
        for name in evaluation.missing {
            self.note(NoteKind::EmptyVariable, json!({ "variable": name }));
        }
        Ok(evaluation.value)
    }
}

impl Run<'_> {
    /// The failure of an action that needs more work than a whole step has.
    fn exhausted(&self) -> Failure {
        let most = self.work.most();
        Failure::new(
            "limit.work",
            format!("the action needs more than {most} units of work, the limit of a step"),
        )
    }
}

fn command_failure(event: &Event) -> Failure {
    let error = event.data.get("error");
    let text = |key: &str| error.and_then(|error| error.get(key)).and_then(Value::as_str);
    let bounded = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let code = bounded(text("code").filter(|code| !code.is_empty()).unwrap_or("command_failed"), 64);
    Failure::new(&code, bounded(text("message").unwrap_or("the gateway could not do it"), 1_024))
}

/// `2.0` counts as a whole number: division produces such values.
fn whole_float(value: &Value) -> Option<u64> {
    let number = value.as_f64()?;
    (number >= 0.0 && number.fract() == 0.0 && number < 9e15).then_some(number as u64)
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper(item, levels - 1)),
        Value::Object(fields) => levels == 0 || fields.values().any(|field| is_deeper(field, levels - 1)),
        _ => false,
    }
}
