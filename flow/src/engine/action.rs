//! The run half of an action, and what an action may do while it runs.

use super::cursor::{Early, Failure, Wait};
use super::note::NoteKind;
use crate::Event;
use crate::language::expression::Template;
use crate::language::{Condition, Count, Data, Text};
use serde_json::{Map, Value};

/// The run half. An action that waits for nothing implements only [`Execute::enter`].
pub(crate) trait Execute {
    /// The cursor has reached the action.
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure>;

    /// A signal arrived while the action waits.
    fn take(&self, _context: &mut dyn Context, signal: Signal<'_>) -> Result<Reaction, Failure> {
        Ok(match signal {
            Signal::Event(_) => Reaction::Ignored,
            Signal::Timeout | Signal::Continued => Reaction::Done(Next::On),
        })
    }

    /// The subroutine that the action called has finished and is still on top. Returns the results for the caller.
    fn leave(&self, _context: &mut dyn Context) -> Result<Map<String, Value>, Failure> {
        Ok(Map::new())
    }
}

/// The direction in which the cursor leaves an action.
#[derive(Debug)]
pub(crate) enum Next {
    /// To the next action.
    On,
    Jump(String),
    Wait(Wait),
    /// Into a subroutine, with these variables.
    Call {
        flow: String,
        arguments: Map<String, Value>,
    },
    /// To the end of the activeflow.
    Finish,
}

/// A reason to look at a waiting action.
#[derive(Clone, Copy)]
pub(crate) enum Signal<'a> {
    Event(&'a Event),
    Timeout,
    Continued,
}

/// The answer of a waiting action to a signal.
pub(crate) enum Reaction {
    /// The signal is not for this wait.
    Ignored,
    /// The wait used the signal and continues.
    Consumed,
    Done(Next),
    /// The wait is over; the event is left for the next action that hears it.
    DoneWithRest(Next, Event),
}

/// The relation of an event to the commands that the current wait is about.
pub(crate) enum Answered {
    /// The event answers none of them.
    No,
    /// It answers one of them; other answers are missing.
    Some,
    All,
    Failed(Failure),
}

/// What a running action can use: variables, commands, waits, results.
pub(crate) trait Context {
    fn text(&mut self, text: &Text) -> Result<String, Failure> {
        self.as_text(&text.0)
    }

    fn as_text(&mut self, template: &Template) -> Result<String, Failure>;

    fn holds(&mut self, condition: &Condition) -> Result<bool, Failure>;

    /// Evaluates a whole number; `default` if the option is absent.
    fn count_or(&mut self, count: Option<&Count>, default: u64) -> Result<u64, Failure>;

    fn data(&mut self, data: &Data) -> Result<Value, Failure>;

    /// The number that the activeflow belongs to, and the number of its peer.
    fn own_and_peer(&self) -> (Option<String>, Option<String>);

    /// Events that arrived before an action could use them, oldest first.
    fn early(&self) -> &[Early];

    /// Asks a gateway for something. Returns the sequence number by which the answer names the command.
    fn command(&mut self, kind: &str, data: Map<String, Value>) -> u32;

    /// A name that is unique for the next command: `<activeflow id>-<sequence>`.
    fn name_of_next_command(&self) -> String;

    /// Sets `actions.<id of the current action>.<key>`.
    fn result(&mut self, key: &str, value: Value);

    /// Sets a variable of the flow. Dots reach into objects; a value that is no object is replaced by one.
    fn set(&mut self, name: &str, value: Value);

    fn set_call_digits(&mut self, digits: String);

    fn set_message(&mut self, message: Map<String, Value>);

    /// Counts a jump of the current action. Returns `false` after `limit` jumps; then the count starts again.
    fn count_loop(&mut self, limit: u64) -> bool;

    fn note(&mut self, kind: NoteKind, detail: Value);

    /// A wait that ends after `ms` milliseconds.
    fn wait_ms(&self, ms: u64) -> Wait;

    /// A wait for the answers to commands, with a deadline in milliseconds.
    fn wait_for(&self, commands: Vec<u32>, deadline_ms: u64) -> Wait {
        Wait { commands: commands.into_iter().collect(), ..self.wait_ms(deadline_ms) }
    }

    /// Uses an answer to a command of the current wait.
    fn answer(&mut self, event: &Event) -> Answered;

    fn digits_so_far(&self) -> String;

    fn collect_digits(&mut self, digits: String);
}

/// An object of these fields.
pub(crate) fn fields<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
