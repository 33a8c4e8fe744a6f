//! `digits_receive`: collects digits that the caller presses.
//!
//! | input | effect |
//! | --- | --- |
//! | fewer digits than `length` | collected; the wait goes on with its deadline |
//! | `length` digits, or `key` | done; the remaining digits are for the next action; `key` is not part of the digits |
//! | the end of `duration` | done with the digits so far; `timed_out` is true |
//!
//! Early digits (typed ahead, or during an interrupted prompt) are consumed first.

use super::digits::{DIGITS, is_digit, pressed};
use crate::program::options::Count;
use crate::program::{
    ActionType, Category, Compile, Context, ErrorPolicy, Execute, Failure, Next, OptionCheck, Reaction,
    Signal,
};
use crate::routing::Event;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

const DEFAULT_DURATION_MS: u64 = 10_000;
/// Maximum number of digits. Bounds a wait that has neither `length` nor `key`.
const MAX_LENGTH: u64 = 256;

/// Waits for digits.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DigitsReceive {
    /// Number of digits that ends the wait. Without it (or 0), `key` or `duration` ends it.
    #[serde(default)]
    length: Option<Count>,
    /// The digit that ends the wait: one or more of `0123456789*#ABCD`.
    #[serde(default)]
    key: Option<String>,
    /// Maximum wait in milliseconds; without it, 10 seconds.
    #[serde(default)]
    duration: Option<Count>,
}

impl ActionType for DigitsReceive {
    const NAME: &'static str = "digits_receive";
    const CATEGORY: Category = Category::Voice;
    const ON_ERROR: ErrorPolicy = ErrorPolicy::Continue;
}

impl Compile for DigitsReceive {
    fn hears(&self) -> &'static [&'static str] {
        &[DIGITS]
    }

    fn pauses(&self) -> bool {
        true
    }

    fn check(&self, check: &mut OptionCheck<'_>) {
        check.duration("duration", self.duration.as_ref(), 0);
        if let Some(length) =
            self.length.as_ref().and_then(Count::fixed).filter(|length| *length > MAX_LENGTH)
        {
            check.range("length", length, "at most 256 digits");
        }
        if let Some(key) = self.key.as_deref().filter(|key| !key.chars().all(is_digit)) {
            check.range("key", key, "only digits of 0123456789*#ABCD");
        }
    }
}

impl Execute for DigitsReceive {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        let duration = context.whole_or(self.duration.as_ref(), DEFAULT_DURATION_MS)?;
        self.length(context)?;
        Ok(Next::Wait(context.wait_ms(duration)))
    }

    fn take(&self, context: &mut dyn Context, signal: Signal<'_>) -> Result<Reaction, Failure> {
        let event = match signal {
            Signal::Event(event) if event.kind == DIGITS && !pressed(event).is_empty() => event,
            Signal::Event(_) => return Ok(Reaction::Ignored),
            Signal::Timeout => return Ok(self.done(context, true)),
            Signal::Continued => return Ok(self.done(context, false)),
        };
        let length = self.length(context)?;
        let mut digits = context.digits_so_far();
        let mut rest = pressed(event).chars();
        for digit in rest.by_ref() {
            let is_key = self.key.as_deref().is_some_and(|key| key.contains(digit));
            if !is_key {
                digits.push(digit);
            }
            if is_key || digits.len() as u64 >= length {
                context.collect_digits(digits);
                return Ok(with_remainder(self.done(context, false), event, rest.as_str()));
            }
        }
        context.collect_digits(digits);
        Ok(Reaction::Consumed)
    }
}

impl DigitsReceive {
    fn length(&self, context: &mut dyn Context) -> Result<u64, Failure> {
        let length = context.whole_or(self.length.as_ref(), 0)?;
        Ok(if length == 0 { MAX_LENGTH } else { length.min(MAX_LENGTH) })
    }

    fn done(&self, context: &mut dyn Context, timed_out: bool) -> Reaction {
        let digits = context.digits_so_far();
        context.result("digits", json!(digits));
        context.result("timed_out", json!(timed_out));
        context.set_call_digits(digits);
        Reaction::Done(Next::Proceed)
    }
}

fn with_remainder(taken: Reaction, event: &Event, rest: &str) -> Reaction {
    match taken {
        Reaction::Done(next) if !rest.is_empty() => {
            let mut left = event.clone();
            left.data.insert("digits".to_owned(), json!(rest));
            Reaction::DoneWithRemainder(next, left)
        }
        taken => taken,
    }
}
