//! The compile half of an action: the properties of its options that the language checks, and its entry in the catalogue.

use super::expression::{Template, is_identifier};
use super::finding::{self, Report, child};
use super::names::RESERVED;
use super::options::{self, Count};
use crate::engine::action::Execute;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An action of a compiled flow: it can be analysed, and it can be executed.
pub(crate) trait Action: Compile + Execute + std::fmt::Debug + Send + Sync {}

impl<T: Compile + Execute + std::fmt::Debug + Send + Sync> Action for T {}

/// The compile half. Every method has a default, so an action states only what is special about it.
pub(crate) trait Compile {
    /// Event types that the action can use.
    fn hears(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether the cursor waits here for an input or for time.
    fn pauses(&self) -> bool {
        false
    }

    /// Whether the cursor can go to the next action.
    fn passes(&self) -> bool {
        true
    }

    /// Other actions to which the cursor can go: JSON pointer below the options, action id.
    fn targets(&self) -> Vec<(String, &str)> {
        Vec::new()
    }

    /// The target of a jump that ends after a number of times.
    fn counted_target(&self) -> Option<&str> {
        None
    }

    /// The subroutine that the action calls: its id or name.
    fn calls(&self) -> Option<&str> {
        None
    }

    /// Variables of the flow that the action sets.
    fn sets(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Expressions that the action evaluates in addition to the `${…}` in its options.
    fn reads(&self) -> Vec<&Template> {
        Vec::new()
    }

    /// The only trigger with which the action can receive anything.
    fn needs_trigger(&self) -> Option<&'static str> {
        None
    }

    /// Reports options that are out of range or do not go together.
    fn check(&self, _check: &mut Check<'_>) {}
}

/// The effect of an error if the flow does not set `on_error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorPolicy {
    Stop,
    Continue,
}

/// A group of actions. The flow's type and trigger decide which groups make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Control,
    Voice,
    Message,
}

/// The catalogue entry of an action type. Implemented by its options.
pub(crate) trait ActionType: Action + DeserializeOwned + JsonSchema + 'static {
    const NAME: &'static str;
    const ALIASES: &'static [&'static str] = &[];
    const FAMILY: Family;
    const ON_ERROR: ErrorPolicy = ErrorPolicy::Stop;
}

/// One entry of the catalogue.
#[derive(Debug)]
pub(crate) struct Kind {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub family: Family,
    pub on_error: ErrorPolicy,
    /// Reads and checks the options at a JSON pointer; `None` after an error, which is in the report.
    pub parse: fn(&Value, &str, &mut Report) -> Option<Box<dyn Action>>,
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Kind {
    pub const fn of<T: ActionType>() -> Kind {
        Kind {
            name: T::NAME,
            aliases: T::ALIASES,
            family: T::FAMILY,
            on_error: T::ON_ERROR,
            parse: parse::<T>,
            schema: SchemaGenerator::subschema_for::<T>,
        }
    }
}

fn parse<T: ActionType>(option: &Value, pointer: &str, report: &mut Report) -> Option<Box<dyn Action>> {
    let action: T = options::read(option, pointer, finding::UNKNOWN_OPTION, finding::OPTION_TYPE, report)?;
    action.check(&mut Check { pointer, report });
    Some(Box::new(action))
}

/// Collects the errors in the options of one action.
pub(crate) struct Check<'a> {
    pointer: &'a str,
    report: &'a mut Report,
}

impl Check<'_> {
    /// Reports an option that is out of its range.
    pub fn range(&mut self, key: &str, got: impl std::fmt::Display, expected: &str) {
        let what = format!("`{key}` is `{got}`, expected {expected}.");
        self.report.add(
            finding::OPTION_RANGE,
            child(self.pointer, key),
            what,
            "Choose a value within the range.",
        );
    }

    /// Reports a constant duration that is shorter than `least` milliseconds or longer than 30 days.
    pub fn duration(&mut self, key: &str, value: Option<&Count>, least: u64) {
        if let Some(ms) = value.and_then(Count::fixed).filter(|ms| !(least..=MAX_DURATION_MS).contains(ms)) {
            self.range(key, ms, &format!("{least} to {MAX_DURATION_MS} milliseconds"));
        }
    }

    /// Reports a variable name that is malformed or reserved by the engine.
    pub fn variable(&mut self, key: &str, name: &str) {
        let first = name.split('.').next().unwrap_or_default();
        if !name.split('.').all(is_identifier) || name.split('.').count() > 8 {
            let help = "Use letters, digits and `_`; up to 8 parts separated by dots.";
            self.report.add(
                finding::VARIABLE_NAME,
                child(self.pointer, key),
                format!("`{name}` cannot name a variable."),
                help,
            );
        } else if RESERVED.contains(&first) {
            let what = format!("`{name}` begins with `{first}`, which the engine sets.");
            self.report.add(finding::VARIABLE_NAME, child(self.pointer, key), what, "Choose another name.");
        }
    }
}

/// 30 days, the lifetime of an activeflow.
pub(crate) const MAX_DURATION_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
