//! The compile half of an action: the properties that are known before the flow runs.

use super::expression::{RESERVED, Template, is_identifier};
use super::options::Count;
use crate::finding::{self, Report, child};

/// The compile half of an action. Every method has a default, so an action implements only the exceptions.
pub(crate) trait Compile {
    /// Event types that the action consumes.
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

    /// Other actions that the cursor can go to: the pointer below the options, and the action id.
    fn targets(&self) -> Vec<(String, &str)> {
        Vec::new()
    }

    /// The target of a jump that is limited to a number of times.
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

    /// Expressions that the action reads besides the `${…}` in its options.
    fn reads(&self) -> Vec<&Template> {
        Vec::new()
    }

    /// The only trigger with which the action can receive anything.
    fn needs_trigger(&self) -> Option<&'static str> {
        None
    }

    /// Reports options outside their range, and combinations that make no sense.
    fn check(&self, _check: &mut OptionCheck<'_>) {}
}

/// Maximum of a duration option, in milliseconds: 30 days, the lifetime of an activeflow.
const MAX_DURATION_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// Reports findings about the options of one action.
pub(crate) struct OptionCheck<'a> {
    pub(super) pointer: &'a str,
    pub(super) report: &'a mut Report,
}

impl OptionCheck<'_> {
    /// Reports an option outside its range.
    pub fn range(&mut self, key: &str, got: impl std::fmt::Display, expected: &str) {
        let what = format!("`{key}` is `{got}`, expected {expected}.");
        self.report.add(
            finding::OPTION_RANGE,
            child(self.pointer, key),
            what,
            "Choose a value within the range.",
        );
    }

    /// Checks a duration in milliseconds, from `least` to 30 days, if it is a fixed number.
    pub fn duration(&mut self, key: &str, value: Option<&Count>, least: u64) {
        if let Some(ms) = value.and_then(Count::fixed).filter(|ms| !(least..=MAX_DURATION_MS).contains(ms)) {
            self.range(key, ms, &format!("{least} to {MAX_DURATION_MS} milliseconds"));
        }
    }

    /// Checks the name of a variable that the flow sets: an identifier that the engine does not reserve.
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
