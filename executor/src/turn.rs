//! One transition, decided in pure code: first the control, then the inputs of the inbox, each through [`flow::step()`].

use crate::after::after;
use crate::turn_output::{TurnOutput, journal_notes};
use common::ActiveflowId;
use common::command::Message;
use common::journal;
use common::ports::work::{Control, Disposition, Messages, Transition};
use common::record::{ActiveflowSpec, EarlyInputs, Entry, cursor_bytes, read_cursor};
use flow::cursor::{CursorState, Early, Input};
use flow::step::{Command, Effect, MessageQuota, Note, NoteKind, Pair, limits};
use flow::{Bundle, Cursor, Event, FormatError, Timestamp};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Input of one turn.
pub struct Turn<'a> {
    pub id: ActiveflowId,
    pub spec: &'a ActiveflowSpec,
    pub bundle: &'a Bundle,
    pub version: u64,
    /// The event that starts or started the activeflow.
    pub trigger: &'a [u8],
    /// The stored cursor; empty before the first transition.
    pub body: &'a [u8],
    pub inbox: &'a [Entry],
    pub control: Option<&'a Control>,
    pub now: Timestamp,
    /// Number of times that a cursor resumes after it yielded; 0 counts as 1, or the cursor would not move.
    pub resumes: u32,
    /// Maximum number of actions per step. Below [`limits::ACTIONS_PER_STEP`], a turn is a single step.
    pub actions: u32,
    /// Messages that the turn may send.
    pub quota: &'a MessageQuota,
    /// The format of the new cursor and of the journal entry.
    pub format: u8,
}

/// Outcome of one turn.
#[derive(Debug)]
pub struct Decision {
    /// `None`: nothing changed, only `after` is left to do.
    pub transition: Option<Transition>,
    /// The commands whose bytes are [`Transition::commands`].
    pub commands: Vec<Message>,
    /// Number of messages among the commands, by pair of numbers.
    pub messages: BTreeMap<Pair, u32>,
    /// Next state of the claim, once the commands are settled.
    pub after: Disposition,
    /// Reason of the end, if the activeflow ended.
    pub ending: Option<String>,
    pub started: bool,
    /// Notes about actions that failed.
    pub failures: Vec<Note>,
    /// Notes about inputs that no action used.
    pub unused: Vec<NoteKind>,
    /// Type and outcome of each action in the notes.
    pub actions: Vec<(String, NoteKind)>,
}

/// Failure of a turn: stored data is damaged, the core panicked, or a step produced too much output.
#[derive(Debug)]
pub struct TurnFailure {
    /// Number of inbox entries consumed, up to and including the bad one.
    pub consumed: u32,
    /// Whether the cursor has a newer format, which only a newer executor reads.
    pub newer_format: bool,
    pub note: Note,
}

impl TurnFailure {
    /// Number of inbox entries before the bad one.
    pub fn good_inputs(&self) -> u32 {
        self.consumed.saturating_sub(1)
    }
}

/// # Errors
/// See [`TurnFailure`]. The turn must be dropped then.
pub fn decide(turn: &Turn) -> Result<Decision, TurnFailure> {
    let mut stepper = Stepper::new(turn)?;
    if stepper.ended() {
        return Ok(stepper.finish(None));
    }
    if turn.control == Some(&Control::Pause) {
        return Ok(stepper.pause());
    }
    if stepper.cursor.is_none() {
        stepper.start()?;
    }
    if stepper.cursor.is_some() {
        stepper.apply_control()?;
        stepper.consume_inbox()?;
    }
    Ok(stepper.finish(turn.control))
}

struct Stepper<'a> {
    turn: &'a Turn<'a>,
    cursor: Option<Cursor>,
    consumed: u32,
    resumes: u32,
    /// Whether the cursor moved or is new.
    stepped: bool,
    /// Number of steps.
    steps: u32,
    started: bool,
    output: TurnOutput,
    /// Messages that further steps may send.
    quota: MessageQuota,
    messages: BTreeMap<Pair, u32>,
}

impl<'a> Stepper<'a> {
    fn new(turn: &'a Turn<'a>) -> Result<Stepper<'a>, TurnFailure> {
        let mut stepper = Stepper {
            turn,
            cursor: None,
            consumed: 0,
            resumes: turn.resumes.max(1),
            stepped: false,
            steps: 0,
            started: false,
            output: TurnOutput::default(),
            quota: turn.quota.clone(),
            messages: BTreeMap::new(),
        };
        if !turn.body.is_empty() {
            let read = || read_cursor(turn.id, turn.spec, turn.body, turn.trigger);
            let read = catch_unwind(AssertUnwindSafe(read));
            let read =
                read.unwrap_or_else(|_| Err(FormatError::Damaged("reading the cursor panicked".into())));
            let unreadable = |why: FormatError| TurnFailure {
                newer_format: matches!(why, FormatError::Newer { .. }),
                ..stepper.failed(NoteKind::Failed, None, why.to_string())
            };
            stepper.cursor = Some(read.map_err(unreadable)?);
        }
        Ok(stepper)
    }

    /// Starts the cursor with the trigger. A cursor that is to stop is created, but makes no step.
    fn start(&mut self) -> Result<(), TurnFailure> {
        while let Some(entry) = self.next_entry() {
            let Entry::Trigger = entry else { continue };
            let Turn { id, spec, bundle, control, trigger, .. } = self.turn;
            let event = self.event(trigger)?;
            let identity = spec.identity(*id);
            let new = catch_unwind(AssertUnwindSafe(|| Cursor::new(bundle, identity)));
            self.cursor = Some(new.map_err(|panic| self.failed(NoteKind::Panic, None, text_of(&*panic)))?);
            self.started = true;
            self.stepped = true;
            if *control != Some(&Control::Stop) {
                self.step(Input::Started(event))?;
                self.resume()?;
            }
            return Ok(());
        }
        Ok(())
    }

    fn apply_control(&mut self) -> Result<(), TurnFailure> {
        let input = match self.turn.control {
            Some(Control::Stop) => Input::Stopped,
            Some(Control::Continue) => Input::Continued,
            Some(Control::Forward { action_id }) => Input::Forwarded { action_id: action_id.clone() },
            Some(Control::Resume | Control::Retry | Control::Pause) | None => return Ok(()),
        };
        if !self.ended() {
            self.step(input)?;
            self.resume()?;
        }
        Ok(())
    }

    fn consume_inbox(&mut self) -> Result<(), TurnFailure> {
        while !self.ended() && !self.is_full() && (!self.yielded() || self.resumes > 0) {
            let Some(entry) = self.next_entry() else {
                return self.resume();
            };
            let input = match entry {
                Entry::Trigger => continue,
                Entry::Timer { wait } => Input::Timer { wait: *wait },
                Entry::Event { input, start, .. } => {
                    Input::Event { event: self.event(input)?, start: start.clone() }
                }
            };
            self.step(input)?;
            self.resume()?;
        }
        Ok(())
    }

    fn next_entry(&mut self) -> Option<&'a Entry> {
        let entry = self.turn.inbox.get(self.consumed as usize)?;
        self.consumed += 1;
        Some(entry)
    }

    fn event(&self, input: &[u8]) -> Result<Event, TurnFailure> {
        serde_json::from_slice(input)
            .map_err(|e| self.failed(NoteKind::Failed, None, format!("a stored event cannot be read: {e}")))
    }

    /// Resumes the cursor while it yields, up to the limit of the turn.
    fn resume(&mut self) -> Result<(), TurnFailure> {
        while self.yielded() && self.resumes > 0 && !self.is_full() {
            self.resumes -= 1;
            self.step(Input::Resumed)?;
        }
        Ok(())
    }

    fn step(&mut self, input: Input) -> Result<(), TurnFailure> {
        let Some(cursor) = self.cursor.take() else { return Ok(()) };
        let Turn { id, spec, bundle, now, actions, .. } = self.turn;
        let quota = &self.quota;
        let action_id = cursor.current_action().map(str::to_owned);
        let step = catch_unwind(AssertUnwindSafe(|| {
            flow::step_limited(bundle, cursor, input, *now, *actions, quota)
        }))
        .map_err(|panic| self.failed(NoteKind::Panic, action_id, text_of(&*panic)))?;
        self.cursor = Some(step.cursor);
        self.stepped = true;
        self.steps += 1;
        for Effect::Command(command) in &step.effects {
            let Some(pair) = command.message_pair() else { continue };
            self.quota.take(&pair);
            *self.messages.entry(pair).or_default() += 1;
        }
        let to_message = |effect: Effect| match effect {
            Effect::Command(command) => message(*id, spec, &command, *now),
        };
        let commands = step.effects.into_iter().map(to_message);
        let action_id = self.cursor.as_ref().and_then(|cursor| cursor.current_action().map(str::to_owned));
        self.output.add(commands, step.notes).map_err(|why| self.failed(NoteKind::TooMuch, action_id, why))
    }

    /// Whether further inputs must wait for the next turn.
    fn is_full(&self) -> bool {
        self.output.is_full() || (self.steps > 0 && self.turn.actions < limits::ACTIONS_PER_STEP)
    }

    fn yielded(&self) -> bool {
        matches!(self.cursor.as_ref().map(Cursor::state), Some(CursorState::Yielded))
    }

    fn ended(&self) -> bool {
        matches!(self.cursor.as_ref().map(Cursor::state), Some(CursorState::Ended(_)))
    }

    fn failed(&self, what: NoteKind, action_id: Option<String>, message: String) -> TurnFailure {
        TurnFailure {
            consumed: self.consumed,
            newer_format: false,
            note: Note {
                at: self.turn.now,
                action_id,
                action_type: None,
                what,
                detail: serde_json::json!({ "message": message }),
            },
        }
    }

    /// A pause takes no step: it applies at any position of the cursor.
    fn pause(self) -> Decision {
        let control = self.turn.control.cloned();
        let early = self.cursor.as_ref().map(early_inputs).unwrap_or_default();
        let transition =
            Transition { body: self.turn.body.to_vec(), control, early, ..Transition::default() };
        Decision {
            transition: Some(transition),
            commands: Vec::new(),
            messages: BTreeMap::new(),
            after: Disposition::Pause,
            ending: None,
            started: false,
            failures: Vec::new(),
            unused: Vec::new(),
            actions: Vec::new(),
        }
    }

    fn finish(self, control: Option<&Control>) -> Decision {
        let (after, ending) = after(self.cursor.as_ref());
        let moved = self.stepped || self.consumed > 0 || control.is_some();
        let action = |note: &Note| Some((note.action_type.clone()?, note.what));
        let TurnOutput { commands, stored, notes, .. } = self.output;
        let actions = notes.iter().filter_map(action).collect();
        let is_failure = |note: &&Note| note.what == NoteKind::Failed;
        let failures = notes.iter().filter(is_failure).cloned().collect();
        let is_unused =
            |what: &NoteKind| matches!(what, NoteKind::Ignored | NoteKind::Dropped | NoteKind::Replaced);
        let unused = notes.iter().map(|note| note.what).filter(is_unused).collect();
        let notes = journal_notes(notes, self.turn.now);
        let journal =
            (!notes.is_empty()).then(|| journal(self.turn.version, self.turn.now, notes, self.turn.format));
        let transition = moved.then(|| Transition {
            body: self
                .cursor
                .as_ref()
                .map(|cursor| cursor_bytes(cursor, self.turn.format))
                .unwrap_or_default(),
            consumed: self.consumed,
            commands: stored,
            journal,
            control: control.cloned(),
            messages: Messages::default(),
            early: self.cursor.as_ref().map(early_inputs).unwrap_or_default(),
        });
        Decision {
            transition,
            commands,
            messages: self.messages,
            after,
            ending,
            started: self.started,
            failures,
            unused,
            actions,
        }
    }
}

pub fn message(id: ActiveflowId, spec: &ActiveflowSpec, command: &Command, now: Timestamp) -> Message {
    let traceparent = spec.traceparent.clone();
    Message { traceparent, ..Message::command(id, &spec.reference, command, now) }
}

/// What the store counts together with the inbox.
pub fn early_inputs(cursor: &Cursor) -> EarlyInputs {
    let bytes: usize = cursor.early().iter().map(Early::size).sum();
    EarlyInputs {
        count: u16::try_from(cursor.early().len()).unwrap_or(u16::MAX),
        bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
    }
}

/// The journal entry of a transition from `version`.
pub fn journal(version: u64, at: Timestamp, notes: Vec<Note>, format: u8) -> Vec<u8> {
    journal::Entry { version: version + 1, at, notes }.bytes_in(format)
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".into())
}

#[cfg(test)]
mod tests;
