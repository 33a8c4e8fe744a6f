//! What an action can do while [`crate::step()`] runs it: read variables, ask for commands, wait, leave results.

use crate::bundle::{Bundle, Flow};
use crate::context::Scope;
use crate::cursor::{Cursor, Early, Failure, Wait};
use crate::expression::{self, Template};
use crate::options::{Condition, Count, Data, Text};
use crate::route::command_id;
use crate::step::{Command, Effect, Note, limits};
use crate::{Event, Timestamp};
use serde_json::{Map, Value, json};

/// One call of `step` under way: the cursor that moves, and what is collected for the caller.
pub(crate) struct Run<'a> {
    pub bundle: &'a Bundle,
    pub cursor: Cursor,
    pub effects: Vec<Effect>,
    pub notes: Vec<Note>,
    /// So many notes did not fit.
    pub notes_dropped: u32,
    pub now: Timestamp,
    /// Whether variables or results changed since they were measured.
    pub changed: bool,
    /// So many actions this step runs at most.
    pub actions: u32,
}

/// What an event means to the commands that the current wait is about.
pub(crate) enum Answered {
    /// It is about something else.
    No,
    /// Others are still missing.
    Some,
    All,
    Failed(Failure),
}

/// How deep a variable's value is nested at most: a cursor must be readable again.
const MAX_DEPTH: usize = 32;

/// Notes that are kept in any case: they say what was lost and why nothing follows. A step has few of them.
const LASTING: &[&str] = &["dropped", "yielded", "ended"];

/// An object from pairs.
pub(crate) fn fields<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// What actions read.
impl<'a> Run<'a> {
    pub fn text(&mut self, text: &Text) -> Result<String, Failure> {
        self.as_text(&text.0)
    }

    pub fn as_text(&mut self, template: &Template) -> Result<String, Failure> {
        let text = expression::as_text(&self.evaluate(template)?);
        match text.len() {
            0..=limits::TEXT => Ok(text),
            length => Err(Failure::new(
                "text_too_long",
                format!("the text has {length} bytes, the limit is {}", limits::TEXT),
            )),
        }
    }

    pub fn holds(&mut self, condition: &Condition) -> Result<bool, Failure> {
        Ok(expression::is_true(&self.evaluate(&condition.0)?))
    }

    pub fn whole_or(&mut self, whole: Option<&Count>, default: u64) -> Result<u64, Failure> {
        let template = match whole {
            None => return Ok(default),
            Some(Count::Fixed(number)) => return Ok(*number),
            Some(Count::Computed(template)) => template,
        };
        let value = self.evaluate(template)?;
        let number =
            value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()).or_else(|| whole_float(&value));
        number.ok_or_else(|| {
            Failure::new(
                "invalid_option",
                format!("expected a whole number from 0, got {}", crate::finding::shown(&value)),
            )
        })
    }

    pub fn data(&mut self, data: &Data) -> Result<Value, Failure> {
        let value = self.filled(data)?;
        if is_deeper(&value, MAX_DEPTH) {
            return Err(Failure::new(
                "too_deep",
                format!("the value is nested deeper than {MAX_DEPTH} levels"),
            ));
        }
        Ok(value)
    }

    fn filled(&mut self, data: &Data) -> Result<Value, Failure> {
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

    /// The number that the activeflow belongs to, and the one at the other end.
    pub fn own_and_peer(&self) -> (Option<String>, Option<String>) {
        let Some(event) = &self.cursor.trigger else { return (None, None) };
        let (own, peer) = match event.kind.as_str() {
            "call.outgoing" => ("from", "to"),
            kind if kind.starts_with("call.") || kind.starts_with("message.") => ("to", "from"),
            _ => return (None, None),
        };
        (event.text(own).map(str::to_owned), event.text(peer).map(str::to_owned))
    }

    pub fn has_early(&self, of_use: impl Fn(&Event) -> bool) -> bool {
        self.cursor.early.iter().any(|early| of_use(&early.event))
    }

    fn evaluate(&mut self, template: &Template) -> Result<Value, Failure> {
        let flow =
            self.flow().ok_or_else(|| Failure::new("unknown_flow", "the flow is not in the bundle"))?;
        let outcome = template
            .evaluate(&Scope { cursor: &self.cursor, flow })
            .map_err(|what| Failure::new("expression", what))?;
        for name in outcome.missing {
            self.note("empty_variable", json!({ "variable": name }));
        }
        Ok(outcome.value)
    }

    /// The flow of the frame on top.
    pub fn flow(&self) -> Option<&'a Flow> {
        self.bundle.flow(&self.cursor.frames.last()?.flow)
    }
}

/// What actions leave behind.
impl Run<'_> {
    /// Asks a gateway for something; the answer names the command by its sequence.
    pub fn command(&mut self, kind: &str, data: Map<String, Value>) -> u32 {
        self.cursor.sequence = self.cursor.sequence.saturating_add(1);
        let action_id = self.cursor.current_action().unwrap_or_default().to_owned();
        self.effects.push(Effect::Command(Command {
            sequence: self.cursor.sequence,
            kind: kind.to_owned(),
            action_id,
            data,
        }));
        self.cursor.sequence
    }

    /// A name that no other activeflow and no other command gives: `<activeflow id>-<sequence>`.
    pub fn name_of_next_command(&self) -> String {
        format!("{}-{}", self.cursor.identity.activeflow_id, self.cursor.sequence.saturating_add(1))
    }

    /// Sets `actions.<id of the current action>.<key>`.
    pub fn result(&mut self, key: &str, value: Value) {
        if let Some(frame) = self.cursor.frames.last_mut() {
            frame.results.entry(frame.at.clone()).or_default().insert(key.to_owned(), value);
            self.changed = true;
        }
    }

    /// Sets a variable of the flow; dots reach into objects, and what is in the way of them is replaced.
    pub fn set(&mut self, name: &str, value: Value) {
        let Some(frame) = self.cursor.frames.last_mut() else { return };
        self.changed = true;
        let mut parts: Vec<&str> = name.split('.').collect();
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

    pub fn set_call_digits(&mut self, digits: String) {
        self.cursor.digits = Some(digits);
    }

    pub fn set_message(&mut self, message: Map<String, Value>) {
        self.cursor.message = Some(message);
        self.changed = true;
    }

    /// Counts a jump of the current action; `false` when it jumped `limit` times, and the count begins again.
    pub fn count_loop(&mut self, limit: u64) -> bool {
        let Some(frame) = self.cursor.frames.last_mut() else { return false };
        let count = frame.loops.entry(frame.at.clone()).or_insert(0);
        if *count >= limit {
            frame.loops.remove(&frame.at);
            return false;
        }
        *count += 1;
        true
    }

    pub fn note(&mut self, what: &str, detail: Value) {
        if self.notes.len() >= limits::NOTES_PER_STEP && !LASTING.contains(&what) {
            self.notes_dropped += 1;
            return;
        }
        let action_id = self.cursor.current_action().map(str::to_owned);
        let action_type = self.node().map(|node| node.kind.name.to_owned());
        self.notes.push(Note { at: self.now, action_id, action_type, what: what.to_owned(), detail });
    }
}

impl Run<'_> {
    pub fn note_what_was_dropped(&mut self) {
        if self.notes_dropped > 0 {
            let detail = json!({ "count": self.notes_dropped });
            let note = Note {
                at: self.now,
                action_id: None,
                action_type: None,
                what: "notes_dropped".to_owned(),
                detail,
            };
            self.notes.push(note);
        }
    }
}

/// What actions wait for.
impl Run<'_> {
    /// A wait that ends with time.
    pub fn wait_ms(&self, ms: u64) -> Wait {
        let until = self.now.plus_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        Wait { until: Some(until), ..Wait::default() }
    }

    /// A wait for the answers to commands, with a deadline in case they never come.
    pub fn wait_for(&self, commands: impl IntoIterator<Item = u32>, deadline_ms: u64) -> Wait {
        Wait { commands: commands.into_iter().collect(), ..self.wait_ms(deadline_ms) }
    }

    /// Takes an answer to a command of the current wait.
    pub fn answer(&mut self, event: &Event) -> Answered {
        let sequence = self.command_of(event);
        let Some(wait) = &mut self.cursor.wait else { return Answered::No };
        if !sequence.is_some_and(|sequence| wait.commands.remove(&sequence)) {
            return Answered::No;
        }
        match event.kind.as_str() {
            "command.failed" => Answered::Failed(command_failure(event)),
            _ if wait.commands.is_empty() => Answered::All,
            _ => Answered::Some,
        }
    }

    pub fn digits_so_far(&self) -> String {
        self.cursor.wait.as_ref().map(|wait| wait.digits.clone()).unwrap_or_default()
    }

    pub fn collect_digits(&mut self, digits: String) {
        if let Some(wait) = &mut self.cursor.wait {
            wait.digits = digits;
        }
    }

    /// The sequence of the command that an event answers, if it is one of this activeflow.
    pub fn command_of(&self, event: &Event) -> Option<u32> {
        if !["command.completed", "command.failed"].contains(&event.kind.as_str()) {
            return None;
        }
        let (activeflow_id, sequence) = command_id(event.text("command_id")?)?;
        (activeflow_id == self.cursor.identity.activeflow_id).then_some(sequence)
    }
}

/// What no action took yet.
impl Run<'_> {
    const MAX_EARLY: usize = 32;
    const MAX_EARLY_BYTES: usize = 8 * 1024;

    /// Keeps an event for the next action that hears it, at `index` among the others; too much is dropped and noted.
    pub fn keep_early(&mut self, index: usize, early: Early) {
        let kind = early.event.kind.clone();
        let bytes: usize = self.cursor.early.iter().chain([&early]).map(size).sum();
        if self.cursor.early.len() == Self::MAX_EARLY || bytes > Self::MAX_EARLY_BYTES {
            self.note("dropped", json!({ "type": kind, "event_id": early.event.id }));
            return;
        }
        self.note("early", json!({ "type": kind, "event_id": early.event.id }));
        let index = index.min(self.cursor.early.len());
        self.cursor.early.insert(index, early);
    }
}

fn size(early: &Early) -> usize {
    serde_json::to_vec(&early.event).map_or(0, |bytes| bytes.len()) + early.start.as_ref().map_or(0, Vec::len)
}

fn command_failure(event: &Event) -> Failure {
    let error = event.data.get("error");
    let text = |key: &str| error.and_then(|error| error.get(key)).and_then(Value::as_str);
    let bounded = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let code = bounded(text("code").filter(|code| !code.is_empty()).unwrap_or("command_failed"), 64);
    Failure::new(&code, bounded(text("message").unwrap_or("the gateway could not do it"), 1_024))
}

/// `2.0` is a whole number too: division gives such.
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
