//! The step: one input moves the cursor. Total, deterministic, no I/O.
//!
//! `Run::take` is the table of inputs and states. Actions that do not wait then run in a row (`walk.rs`), so that all their
//! commands belong to one step. `run.rs` implements the context of actions.

use super::cursor::{Cursor, Early, HANGUP, Input};
use super::run::Run;
use crate::json::shown;
use crate::program::{Bundle, Failure, Node, Reaction, ReservedId, Signal, Work};
use crate::routing::Event;
use crate::time::Timestamp;
use serde_json::{Value, json};

pub use super::effect::{Command, Effect};
pub use super::note::{Note, NoteKind};
pub use super::quota::{MessageQuota, Pair};
pub use crate::limits;

/// The outcome of one input.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub cursor: Cursor,
    pub effects: Vec<Effect>,
    pub notes: Vec<Note>,
}

/// Moves `cursor` by one input. A late, repeated or unexpected input changes nothing.
pub fn step(bundle: &Bundle, cursor: Cursor, input: Input, now: Timestamp) -> Step {
    step_within(bundle, cursor, input, now, limits::ACTIONS_PER_STEP)
}

/// Like [`step`], but runs at most `actions` actions, clamped to 1 to [`limits::ACTIONS_PER_STEP`], and then yields.
///
/// An action for which not enough work is left is undone: the step runs again, up to that action. So any division into
/// steps gives the same cursor and the same effects.
pub fn step_within(bundle: &Bundle, cursor: Cursor, input: Input, now: Timestamp, actions: u32) -> Step {
    step_limited(bundle, cursor, input, now, actions, &MessageQuota::default())
}

/// Like [`step_within`], but sends only the messages that `quota` allows: an action that would send more fails with the
/// code `rate_limited`.
pub fn step_limited(
    bundle: &Bundle,
    cursor: Cursor,
    input: Input,
    now: Timestamp,
    actions: u32,
    quota: &MessageQuota,
) -> Step {
    let actions = actions.clamp(1, limits::ACTIONS_PER_STEP);
    let begin = |cursor, actions| Run::begin(bundle, cursor, now, actions, quota.clone());
    let run = run(begin(cursor.clone(), actions), input.clone());
    let run = match run.overrun {
        None => run,
        Some(done) => {
            let again = begin(cursor, done);
            self::run(Run { yields_for_work: true, ..again }, input)
        }
    };
    Step { cursor: run.cursor, effects: run.effects, notes: run.notes }
}

fn run(mut run: Run<'_>, input: Input) -> Run<'_> {
    run.take(input);
    run.note_dropped_notes();
    run
}

impl<'a> Run<'a> {
    fn begin(
        bundle: &'a Bundle,
        cursor: Cursor,
        now: Timestamp,
        actions: u32,
        quota: MessageQuota,
    ) -> Run<'a> {
        Run {
            bundle,
            cursor,
            effects: Vec::new(),
            notes: Vec::new(),
            notes_dropped: 0,
            now,
            changed: false,
            actions,
            quota,
            work: Work::of(limits::WORK_PER_STEP),
            yields_for_work: false,
            overrun: None,
        }
    }

    fn take(&mut self, input: Input) {
        let started = self.cursor.started_at.is_some();
        match input {
            input if self.cursor.ended.is_some() => self.ignore(&input, "the activeflow has ended"),
            Input::Stopped => self.end("stopped", None),
            Input::Started(event) if !started => self.start(event),
            input if !started => self.ignore(&input, "the activeflow has not started"),
            _ if self.is_past_lifetime() => self.end_at_lifetime(input),
            Input::Started(_) => self.ignore(&input, "the activeflow started before"),
            Input::Event { event, .. }
                if event.kind == HANGUP && self.cursor.is_of_a_call() && of_the_first_leg(&event) =>
            {
                self.end("hangup", None);
            }
            Input::Event { event, start } => self.hear(event, start),
            Input::Timer { wait } if self.cursor.wait.as_ref().is_some_and(|current| current.id == wait) => {
                self.deliver_and_proceed(Signal::Timeout);
            }
            Input::Timer { .. } => self.ignore(&input, "the wait is over"),
            Input::Continued if self.cursor.wait.is_some() => self.deliver_and_proceed(Signal::Continued),
            Input::Continued => self.ignore(&input, "no action waits"),
            Input::Resumed if self.cursor.wait.is_some() => self.ignore(&input, "the action waits"),
            Input::Resumed => self.proceed(),
            Input::Forwarded { action_id } => self.forward(&action_id),
        }
    }

    fn start(&mut self, event: Event) {
        self.cursor.started_at = Some(self.now);
        self.note(NoteKind::Started, json!({ "type": event.kind, "event_id": event.id }));
        self.cursor.trigger = Some(event);
        self.changed = true;
        if self.cursor.current_action().is_none() {
            return self.leave_frame();
        }
        self.proceed();
    }

    fn is_past_lifetime(&self) -> bool {
        self.cursor.started_at.is_some_and(|started| self.now >= started.plus_millis(limits::LIFETIME_MS))
    }

    /// Keeps the event if it starts another activeflow, so that the executor redelivers it.
    fn end_at_lifetime(&mut self, input: Input) {
        if let Input::Event { event, start: start @ Some(_) } = input {
            self.keep_early(self.cursor.early.len(), Early { event, start });
        }
        self.end("limit.lifetime", None);
    }

    fn hear(&mut self, event: Event, start: Option<Vec<u8>>) {
        match self.deliver(Signal::Event(&event)) {
            Some((node, Ok(Reaction::Done(next)))) => self.complete(node, next),
            Some((node, Ok(Reaction::DoneWithRemainder(next, left)))) => {
                self.keep_early(0, Early { event: left, start });
                self.complete(node, next);
            }
            Some((node, Err(failure))) => self.follow(node, Err(failure)),
            Some((_, Ok(Reaction::Consumed))) => return,
            Some((_, Ok(Reaction::Ignored))) | None => return self.keep_unconsumed(event, start),
        }
        self.proceed();
    }

    /// No action waits for the event. It is kept for a later action that hears it, or for the activeflow that it starts.
    fn keep_unconsumed(&mut self, event: Event, start: Option<Vec<u8>>) {
        let empty = event.kind == "call.digits" && event.text("digits").is_none_or(str::is_empty);
        let of_use = self.bundle.actions_hear(&event.kind) && !empty;
        if start.is_some() && self.cursor.is_single_use() {
            self.ignore(&Input::Event { event, start }, "a copy of the start");
        } else if of_use || start.is_some() {
            let last = self.cursor.early.len();
            self.keep_early(last, Early { event, start });
        } else if event.kind == "command.failed" && self.command_of(&event).is_some() {
            let error = event.data.get("error").map(shown);
            self.note(
                NoteKind::CommandFailed,
                json!({ "command_id": event.data.get("command_id"), "error": error }),
            );
        } else {
            self.ignore(&Input::Event { event, start }, "no action takes it");
        }
    }

    fn ignore(&mut self, input: &Input, because: &str) {
        let detail = match input {
            Input::Started(event) | Input::Event { event, .. } => {
                json!({ "type": event.kind, "event_id": event.id, "because": because })
            }
            input => json!({ "input": input.name(), "because": because }),
        };
        self.note(NoteKind::Ignored, detail);
    }

    fn deliver_and_proceed(&mut self, signal: Signal<'_>) {
        match self.deliver(signal) {
            Some((node, Ok(Reaction::Done(next) | Reaction::DoneWithRemainder(next, _)))) => {
                self.complete(node, next)
            }
            Some((node, Err(failure))) => self.follow(node, Err(failure)),
            Some((_, Ok(Reaction::Consumed | Reaction::Ignored))) => return,
            None => return self.lost(),
        }
        self.proceed();
    }

    /// Passes a signal to the waiting action.
    fn deliver(&mut self, signal: Signal<'_>) -> Option<(&'a Node, Result<Reaction, Failure>)> {
        self.cursor.wait.as_ref()?;
        let node = self.node()?;
        let taken = node.action.take(self, signal);
        Some((node, taken))
    }

    /// A jump from outside: to an action of the top flow, or of one of its callers.
    fn forward(&mut self, action_id: &str) {
        let found = self.cursor.frames.iter().rposition(|frame| {
            self.bundle
                .flow(&frame.flow)
                .is_some_and(|flow| flow.node(action_id).is_some() || ReservedId::of(action_id).is_some())
        });
        let Some(depth) = found else {
            return self.note(NoteKind::UnknownAction, json!({ "asked_for": action_id }));
        };
        self.note(NoteKind::Forwarded, json!({ "to": action_id }));
        self.cursor.wait = None;
        self.cursor.repeated.clear();
        self.cursor.frames.truncate(depth + 1);
        self.jump(action_id);
        self.proceed();
    }
}

/// The hangup of a further leg is for the action that created the leg.
fn of_the_first_leg(event: &Event) -> bool {
    event.data.get("leg").is_none_or(Value::is_null)
}
