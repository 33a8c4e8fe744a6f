//! The catalogue of actions. One type is one file here and one line in [`CATALOGUE`].

mod answer;
mod branch;
mod condition;
mod digits_receive;
mod goto;
mod hangup;
mod message_receive;
mod message_send;
mod play;
mod prompt;
mod recording_start;
mod recording_stop;
mod sleep;
mod stop;
mod subroutine;
mod talk;
mod variable_set;

use crate::Event;
use crate::cursor::{Failure, Wait};
use crate::expression::Template;
use crate::finding::{self, Report, child};
use crate::options;
use crate::run::Run;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub(crate) static CATALOGUE: &[Kind] = &[
    kind::<answer::Answer>(),
    kind::<branch::Branch>(),
    kind::<condition::Condition>(),
    kind::<digits_receive::DigitsReceive>(),
    kind::<goto::Goto>(),
    kind::<hangup::Hangup>(),
    kind::<message_receive::MessageReceive>(),
    kind::<message_send::MessageSend>(),
    kind::<play::Play>(),
    kind::<recording_start::RecordingStart>(),
    kind::<recording_stop::RecordingStop>(),
    kind::<sleep::Sleep>(),
    kind::<stop::Stop>(),
    kind::<subroutine::Subroutine>(),
    kind::<talk::Talk>(),
    kind::<variable_set::VariableSet>(),
];

/// What an action means. Everything has a default, so that an action says only what is special about it.
pub(crate) trait Action: std::fmt::Debug + Send + Sync {
    /// The cursor came to the action.
    fn enter(&self, run: &mut Run<'_>) -> Result<Next, Failure>;

    /// Something came while the action waits.
    fn take(&self, _run: &mut Run<'_>, signal: Signal<'_>) -> Result<Reaction, Failure> {
        Ok(match signal {
            Signal::Event(_) => Reaction::Ignored,
            Signal::Timeout | Signal::Continued => Reaction::Done(Next::On),
        })
    }

    /// The subroutine that the action called is at its end and still on top: what goes out to the caller.
    fn leave(&self, _run: &mut Run<'_>) -> Result<Map<String, Value>, Failure> {
        Ok(Map::new())
    }

    /// Event types that the action can take.
    fn hears(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether an input or time must pass before the cursor goes on.
    fn pauses(&self) -> bool {
        false
    }

    /// Whether the cursor can go on to the next action.
    fn passes(&self) -> bool {
        true
    }

    /// Where else the cursor can go: pointer below the options, action id.
    fn targets(&self) -> Vec<(String, &str)> {
        Vec::new()
    }

    /// The target of a jump that ends after a number of times.
    fn counted_target(&self) -> Option<&str> {
        None
    }

    /// The subroutine that the action calls.
    fn calls(&self) -> Option<&str> {
        None
    }

    /// Variables of the flow that the action sets.
    fn sets(&self) -> Vec<&str> {
        Vec::new()
    }

    /// What the action reads beside the `${…}` in its options.
    fn reads(&self) -> Vec<&Template> {
        Vec::new()
    }

    /// The trigger without which the action cannot take anything.
    fn needs_trigger(&self) -> Option<&'static str> {
        None
    }

    /// Ranges and combinations of options.
    fn check(&self, _check: &mut Check<'_>) {}
}

/// Where the cursor goes from an action.
#[derive(Debug)]
pub(crate) enum Next {
    On,
    Jump(String),
    Wait(Wait),
    /// Into a subroutine, with these variables.
    Call {
        flow: String,
        arguments: Map<String, Value>,
    },
    /// The activeflow is finished.
    Finish,
}

/// What a waiting action is offered.
#[derive(Clone, Copy)]
pub(crate) enum Signal<'a> {
    Event(&'a Event),
    Timeout,
    Continued,
}

/// What a waiting action made of it.
pub(crate) enum Reaction {
    /// It is not for this wait.
    Ignored,
    /// The wait took it and goes on.
    Consumed,
    Done(Next),
    /// The wait is over, and this is left for the next action that hears it.
    DoneWithRest(Next, Event),
}

/// What an error does where the flow does not say (`on_error`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    Stop,
    Continue,
}

/// Actions that belong together; the flow's type and trigger say which make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Control,
    Voice,
    Message,
}

/// What the catalogue says of an action type. Implemented by its options.
pub(crate) trait Described: Action + DeserializeOwned + JsonSchema + 'static {
    const NAME: &'static str;
    const ALIASES: &'static [&'static str] = &[];
    const FAMILY: Family;
    const ON_ERROR: Policy = Policy::Stop;
}

/// One line of the catalogue.
#[derive(Debug)]
pub(crate) struct Kind {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub family: Family,
    pub on_error: Policy,
    pub parse: fn(&Value, &str, &mut Report) -> Option<Box<dyn Action>>,
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

const fn kind<T: Described>() -> Kind {
    Kind {
        name: T::NAME,
        aliases: T::ALIASES,
        family: T::FAMILY,
        on_error: T::ON_ERROR,
        parse: parse::<T>,
        schema: SchemaGenerator::subschema_for::<T>,
    }
}

fn parse<T: Described>(option: &Value, pointer: &str, report: &mut Report) -> Option<Box<dyn Action>> {
    let action: T = options::read(option, pointer, finding::UNKNOWN_OPTION, finding::OPTION_TYPE, report)?;
    action.check(&mut Check { pointer, report });
    Some(Box::new(action))
}

/// The line of a type or of an alias of it.
pub(crate) fn find(name: &str) -> Option<&'static Kind> {
    CATALOGUE.iter().find(|kind| kind.name == name || kind.aliases.contains(&name))
}

/// Every type name, for proposals.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|kind| kind.name)
}

/// Collects what is wrong with the options of one action.
pub(crate) struct Check<'a> {
    pointer: &'a str,
    report: &'a mut Report,
}

impl Check<'_> {
    /// Says that an option is outside its range.
    pub fn range(&mut self, key: &str, got: impl std::fmt::Display, expected: &str) {
        let what = format!("`{key}` is `{got}`, expected {expected}.");
        self.report.add(
            finding::OPTION_RANGE,
            child(self.pointer, key),
            what,
            "Choose a value within the range.",
        );
    }

    /// A duration in milliseconds: `least` to 30 days, where it is known.
    pub fn duration(&mut self, key: &str, value: Option<&options::Count>, least: u64) {
        if let Some(ms) =
            value.and_then(options::Count::fixed).filter(|ms| !(least..=MAX_DURATION_MS).contains(ms))
        {
            self.range(key, ms, &format!("{least} to {MAX_DURATION_MS} milliseconds"));
        }
    }

    /// A name for a variable of the flow: not a root that the engine sets.
    pub fn variable(&mut self, key: &str, name: &str) {
        let first = name.split('.').next().unwrap_or_default();
        if !name.split('.').all(crate::expression::is_identifier) || name.split('.').count() > 8 {
            let help = "Use letters, digits and `_`; up to 8 parts separated by dots.";
            self.report.add(
                finding::VARIABLE_NAME,
                child(self.pointer, key),
                format!("`{name}` cannot name a variable."),
                help,
            );
        } else if crate::context::RESERVED.contains(&first) {
            let what = format!("`{name}` begins with `{first}`, which the engine sets.");
            self.report.add(finding::VARIABLE_NAME, child(self.pointer, key), what, "Choose another name.");
        }
    }
}

/// 30 days, the life of an activeflow.
pub(crate) const MAX_DURATION_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
