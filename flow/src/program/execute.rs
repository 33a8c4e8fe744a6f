//! The run half of an action, and the context through which it reads and changes the activeflow.

use super::expression::Template;
use super::options::{Condition, Count, Data, Text};
use crate::routing::Event;
use crate::time::{Timestamp, micros};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The run half of an action.
pub(crate) trait Execute {
    /// The cursor reached the action.
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure>;

    /// A signal arrived while the action waits.
    fn take(&self, _context: &mut dyn Context, signal: Signal<'_>) -> Result<Reaction, Failure> {
        Ok(match signal {
            Signal::Event(_) => Reaction::Ignored,
            Signal::Timeout | Signal::Continued => Reaction::Done(Next::Proceed),
        })
    }

    /// The subroutine that the action called has ended, and its frame is still on top. Returns the caller's new variables.
    fn leave(&self, _context: &mut dyn Context) -> Result<Map<String, Value>, Failure> {
        Ok(Map::new())
    }
}

/// Next move of the cursor after an action.
#[derive(Debug)]
pub(crate) enum Next {
    /// To the node's successor.
    Proceed,
    /// To the action with this id.
    Jump(String),
    Wait(Wait),
    /// Into a subroutine, with these variables.
    CallFlow {
        flow: String,
        arguments: Map<String, Value>,
    },
    /// To the end of the activeflow.
    Finish,
}

/// Input of a waiting action.
#[derive(Clone, Copy)]
pub(crate) enum Signal<'a> {
    Event(&'a Event),
    Timeout,
    Continued,
}

/// Answer of a waiting action to a signal.
pub(crate) enum Reaction {
    /// The signal is not for this wait.
    Ignored,
    /// The signal is consumed, and the wait goes on.
    Consumed,
    Done(Next),
    /// The wait is over. The remainder of the event is for the next action that hears it.
    DoneWithRemainder(Next, Event),
}

/// Meaning of an event for the commands that the current wait is about.
pub(crate) enum CommandReply {
    /// The event answers none of them.
    Unrelated,
    /// One is answered, others are outstanding.
    Partial,
    Complete,
    Failed(Failure),
}

/// The wait of the current action.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wait {
    #[serde(rename = "i")]
    pub id: u64,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none", with = "micros")]
    pub until: Option<Timestamp>,
    /// Commands that are not answered yet.
    #[serde(rename = "c", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub commands: BTreeSet<u32>,
    /// Digits received so far.
    #[serde(rename = "d", default, skip_serializing_if = "String::is_empty")]
    pub digits: String,
}

/// An action's error: `${error.code}`, `${error.message}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub code: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_id: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Failure {
        Failure { code: code.to_owned(), message: message.into(), action_id: None }
    }
}

/// The activeflow as its current action sees it. The engine implements it.
pub(crate) trait Context {
    /// Evaluates a text option.
    fn text(&mut self, text: &Text) -> Result<String, Failure> {
        self.template_text(&text.0)
    }

    /// Evaluates a template and converts the result to text.
    fn template_text(&mut self, template: &Template) -> Result<String, Failure>;

    fn holds(&mut self, condition: &Condition) -> Result<bool, Failure>;

    /// Evaluates a whole number, or returns `default` when the option is absent.
    fn whole_or(&mut self, whole: Option<&Count>, default: u64) -> Result<u64, Failure>;

    fn data(&mut self, data: &Data) -> Result<Value, Failure>;

    /// The activeflow's own number, and the peer's.
    fn own_and_peer(&self) -> (Option<String>, Option<String>);

    /// Whether an early event matches.
    fn has_early(&self, matches: fn(&Event) -> bool) -> bool;

    /// Sends a command to a gateway. The reply names the returned sequence.
    fn command(&mut self, kind: &str, data: Map<String, Value>) -> u32;

    /// Counts one message from a number to each of others.
    ///
    /// # Errors
    /// `rate_limited`: more than the pair may send now. Then none is counted.
    fn take_from_quota(&mut self, from: &str, to: &[String]) -> Result<(), Failure>;

    /// A name that is unique to the next command: `<activeflow id>-<sequence>`.
    fn name_of_next_command(&self) -> String;

    /// Sets `actions.<id of the current action>.<key>`.
    fn result(&mut self, key: &str, value: Value);

    /// Sets a variable of the flow. Dots reach into objects; any other value on the path is replaced by an object.
    fn set(&mut self, name: &str, value: Value);

    /// Sets `call.digits`.
    fn set_call_digits(&mut self, digits: String);

    /// Sets `message.*`.
    fn set_message(&mut self, message: Map<String, Value>);

    /// Counts a jump of the current action. Returns `false`, and resets the count, once it has jumped `limit` times.
    fn count_loop(&mut self, limit: u64) -> bool;

    /// Records in the journal why the action does nothing.
    fn note_skipped(&mut self, because: &str);

    /// A wait that ends after `ms` milliseconds.
    fn wait_ms(&self, ms: u64) -> Wait;

    /// A wait for the replies to commands, with a deadline in milliseconds in case they never come.
    fn wait_for(&self, commands: &[u32], deadline_ms: u64) -> Wait {
        Wait { commands: commands.iter().copied().collect(), ..self.wait_ms(deadline_ms) }
    }

    /// Matches an event with the commands of the current wait.
    fn reply(&mut self, event: &Event) -> CommandReply;

    /// Digits that the current wait has received.
    fn digits_so_far(&self) -> String;

    /// Replaces the digits that the current wait has received.
    fn collect_digits(&mut self, digits: String);
}
