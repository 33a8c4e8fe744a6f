//! The common part of `talk` and `play`: a command that takes a while, and digits that may end it early.
//!
//! | while the prompt plays | effect |
//! | --- | --- |
//! | its `command.completed` | the result is set, and the flow proceeds |
//! | its `command.failed`, or no answer for ten minutes | an error |
//! | `call.digits`, with `digits_handle` = `next` | the flow proceeds; the digits are for the next `digits_receive` |

use super::digits::{DIGITS, pressed};
use crate::program::{CommandReply, Context, Failure, Next, Reaction, Signal};
use crate::routing::Event;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

const SAFETY_DEADLINE_MS: u64 = 10 * 60 * 1_000;

/// Effect of digits that are pressed while a prompt plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DigitsHandle {
    /// The prompt plays to its end.
    #[default]
    #[serde(rename = "")]
    Nothing,
    /// The prompt ends, and the next `digits_receive` gets the digits.
    Next,
}

impl DigitsHandle {
    pub fn hears(self) -> &'static [&'static str] {
        match self {
            DigitsHandle::Nothing => &[],
            DigitsHandle::Next => &[DIGITS],
        }
    }
}

pub(super) fn enter(
    context: &mut dyn Context,
    kind: &str,
    mut data: Map<String, Value>,
    digits: DigitsHandle,
    asynchronous: bool,
) -> Next {
    if digits == DigitsHandle::Next && !asynchronous && context.has_early(has_digits) {
        context.note_skipped("digits came before the prompt began");
        return Next::Proceed;
    }
    data.insert("digits_handle".to_owned(), json!(digits));
    let sequence = context.command(kind, data);
    if asynchronous { Next::Proceed } else { Next::Wait(context.wait_for(&[sequence], SAFETY_DEADLINE_MS)) }
}

pub(super) fn take(
    context: &mut dyn Context,
    signal: Signal<'_>,
    digits: DigitsHandle,
) -> Result<Reaction, Failure> {
    match signal {
        Signal::Event(event) if digits == DigitsHandle::Next && has_digits(event) => {
            Ok(Reaction::DoneWithRemainder(Next::Proceed, event.clone()))
        }
        Signal::Event(event) => match context.reply(event) {
            CommandReply::Unrelated => Ok(Reaction::Ignored),
            CommandReply::Partial | CommandReply::Complete => {
                context.result("result", event.data.get("result").cloned().unwrap_or_default());
                Ok(Reaction::Done(Next::Proceed))
            }
            CommandReply::Failed(failure) => Err(failure),
        },
        Signal::Timeout => Err(Failure::new("timeout", "no gateway answered the command within ten minutes")),
        Signal::Continued => Ok(Reaction::Done(Next::Proceed)),
    }
}

fn has_digits(event: &Event) -> bool {
    event.kind == DIGITS && !pressed(event).is_empty()
}
