//! One transition, decided in pure code: control first, then what waits in the inbox, each through [`flow::step()`].

use crate::bounds::{self, Asked};
use crate::rest::rest_of;
use common::ActiveflowId;
use common::command::Message;
use common::journal;
use common::ports::work::{After, Control, Transition};
use common::record::{ActiveflowSpec, Entry};
use flow::cursor::{CursorState, Identity, Input};
use flow::step::{Effect, Note, NoteKind, limits};
use flow::{Bundle, Cursor, Event, FormatError, Timestamp};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a turn is about and rests on.
pub struct Turn<'a> {
    pub id: ActiveflowId,
    pub spec: &'a ActiveflowSpec,
    pub bundle: &'a Bundle,
    pub version: u64,
    /// The stored cursor; empty before the first transition.
    pub body: &'a [u8],
    pub inbox: &'a [Entry],
    pub control: Option<&'a Control>,
    pub now: Timestamp,
    /// How often a cursor that yielded goes on; never less than once, or it would not move.
    pub resumes: u32,
    /// With fewer than [`limits::ACTIONS_PER_STEP`], a turn is one step of at most so many actions.
    pub actions: u32,
}

/// What a turn decided.
#[derive(Debug)]
pub struct Decision {
    /// `None`: there was nothing to do but what `after` says.
    pub transition: Option<Transition>,
    /// What [`Transition::commands`] holds as bytes.
    pub commands: Vec<Message>,
    /// What becomes of the claim when the commands are settled.
    pub after: After,
    /// Why it ended, if it ended.
    pub ending: Option<String>,
    pub started: bool,
    /// Type and outcome of the actions that it touched.
    pub actions: Vec<(String, NoteKind)>,
}

/// The turn cannot be made: stored data is damaged, the core panicked, or a step asks for too much.
#[derive(Debug)]
pub struct Failed {
    /// So many inbox entries are used up with the one at fault.
    pub consumed: u32,
    /// The cursor is of a newer format: another worker's to move.
    pub newer: bool,
    pub note: Note,
}

impl Failed {
    /// So many inbox entries were good before the one at fault.
    pub fn good(&self) -> u32 {
        self.consumed.saturating_sub(1)
    }
}

/// # Errors
/// See [`Failed`]; nothing of the turn is to be kept.
pub fn decide(turn: &Turn) -> Result<Decision, Failed> {
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
        stepper.obey()?;
        stepper.take_inbox()?;
    }
    Ok(stepper.finish(turn.control))
}

struct Stepper<'a> {
    turn: &'a Turn<'a>,
    cursor: Option<Cursor>,
    consumed: u32,
    resumes: u32,
    /// It moved, or is new.
    stepped: bool,
    /// So many steps it took.
    steps: u32,
    started: bool,
    asked: Asked,
}

impl<'a> Stepper<'a> {
    fn new(turn: &'a Turn<'a>) -> Result<Stepper<'a>, Failed> {
        let mut stepper = Stepper {
            turn,
            cursor: None,
            consumed: 0,
            resumes: turn.resumes.max(1),
            stepped: false,
            steps: 0,
            started: false,
            asked: Asked::default(),
        };
        if !turn.body.is_empty() {
            let read = catch_unwind(AssertUnwindSafe(|| Cursor::from_bytes(turn.body)));
            let read =
                read.unwrap_or_else(|_| Err(FormatError::Damaged("reading the cursor panicked".into())));
            let unreadable = |why: FormatError| Failed {
                newer: matches!(why, FormatError::Newer { .. }),
                ..stepper.failed(NoteKind::Failed, None, why.to_string())
            };
            stepper.cursor = Some(read.map_err(unreadable)?);
        }
        Ok(stepper)
    }

    /// The first event of the inbox starts it. Who is to be stopped before that is not started.
    fn start(&mut self) -> Result<(), Failed> {
        while let Some(entry) = self.next_entry() {
            let Entry::Event { input, .. } = entry else { continue };
            let event = self.event(input)?;
            let Turn { id, spec, bundle, control, .. } = self.turn;
            let identity = Identity {
                activeflow_id: id.to_string(),
                customer_id: spec.customer_id.clone(),
                reference_type: spec.reference.kind.clone(),
                reference_id: spec.reference.subject.clone(),
            };
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

    fn obey(&mut self) -> Result<(), Failed> {
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

    fn take_inbox(&mut self) -> Result<(), Failed> {
        while !self.ended() && !self.is_full() && (!self.yielded() || self.resumes > 0) {
            let Some(entry) = self.next_entry() else {
                return self.resume();
            };
            let input = match entry {
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

    fn event(&self, input: &[u8]) -> Result<Event, Failed> {
        serde_json::from_slice(input)
            .map_err(|e| self.failed(NoteKind::Failed, None, format!("a stored event cannot be read: {e}")))
    }

    /// Goes on while the cursor yields, as often as one claim allows.
    fn resume(&mut self) -> Result<(), Failed> {
        while self.yielded() && self.resumes > 0 && !self.is_full() {
            self.resumes -= 1;
            self.step(Input::Resumed)?;
        }
        Ok(())
    }

    fn step(&mut self, input: Input) -> Result<(), Failed> {
        let Some(cursor) = self.cursor.take() else { return Ok(()) };
        let Turn { id, spec, bundle, now, actions, .. } = self.turn;
        let action_id = cursor.current_action().map(str::to_owned);
        let step =
            catch_unwind(AssertUnwindSafe(|| flow::step_within(bundle, cursor, input, *now, *actions)))
                .map_err(|panic| self.failed(NoteKind::Panic, action_id, text_of(&*panic)))?;
        self.cursor = Some(step.cursor);
        self.stepped = true;
        self.steps += 1;
        let message = |effect: Effect| match effect {
            Effect::Command(command) => {
                let traceparent = spec.traceparent.clone();
                Message { traceparent, ..Message::command(*id, &spec.reference, &command, *now) }
            }
        };
        let commands = step.effects.into_iter().map(message);
        let action_id = self.cursor.as_ref().and_then(|cursor| cursor.current_action().map(str::to_owned));
        self.asked.add(commands, step.notes).map_err(|why| self.failed(NoteKind::TooMuch, action_id, why))
    }

    /// What is left is for the next turn.
    fn is_full(&self) -> bool {
        self.asked.is_full() || (self.steps > 0 && self.turn.actions < limits::ACTIONS_PER_STEP)
    }

    fn yielded(&self) -> bool {
        matches!(self.cursor.as_ref().map(Cursor::state), Some(CursorState::Yielded))
    }

    fn ended(&self) -> bool {
        matches!(self.cursor.as_ref().map(Cursor::state), Some(CursorState::Ended(_)))
    }

    fn failed(&self, what: NoteKind, action_id: Option<String>, message: String) -> Failed {
        Failed {
            consumed: self.consumed,
            newer: false,
            note: Note {
                at: self.turn.now,
                action_id,
                action_type: None,
                what,
                detail: serde_json::json!({ "message": message }),
            },
        }
    }

    /// Taken without a step: where it stands is not looked at.
    fn pause(self) -> Decision {
        let control = self.turn.control.cloned();
        let transition = Transition { body: self.turn.body.to_vec(), control, ..Transition::default() };
        Decision {
            transition: Some(transition),
            commands: Vec::new(),
            after: After::Pause,
            ending: None,
            started: false,
            actions: Vec::new(),
        }
    }

    fn finish(self, control: Option<&Control>) -> Decision {
        let (after, ending) = rest_of(self.cursor.as_ref());
        let moved = self.stepped || self.consumed > 0 || control.is_some();
        let touched = |note: &Note| Some((note.action_type.clone()?, note.what));
        let Asked { commands, stored, notes, .. } = self.asked;
        let actions = notes.iter().filter_map(touched).collect();
        let notes = bounds::kept(notes, self.turn.now);
        let journal = (!notes.is_empty()).then(|| journal(self.turn.version, self.turn.now, notes));
        let transition = moved.then(|| Transition {
            body: self.cursor.as_ref().map(Cursor::to_bytes).unwrap_or_default(),
            consumed: self.consumed,
            commands: stored,
            journal,
            control: control.cloned(),
        });
        Decision { transition, commands, after, ending, started: self.started, actions }
    }
}

/// The journal entry of a transition from `version`.
pub fn journal(version: u64, at: Timestamp, notes: Vec<Note>) -> Vec<u8> {
    let entry = journal::Entry { version: version + 1, at, notes };
    common::json::to_bytes(&entry)
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".into())
}

#[cfg(test)]
mod tests;
