//! `recording_stop`: ends a recording of the call.
//!
//! Proceeds at once, or with `wait` when the gateway reports that the recording is stored. The report (address, length)
//! becomes `actions.<id>.result`. The gateway answers in the same way for a recording that has already ended.

use super::recording_start::checked_name;
use crate::json::object;
use crate::program::options::Text;
use crate::program::{
    ActionType, Category, CommandReply, Compile, Context, ErrorPolicy, Execute, Failure, Next, Reaction,
    Signal,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;

const KEPT_DEADLINE_MS: u64 = 60 * 1_000;

/// Ends a recording of the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingStop {
    /// The recording's name; without it, every recording of the call ends.
    #[serde(default)]
    name: Option<Text>,
    /// Waits until the gateway reports that the recording is stored, at most one minute.
    #[serde(default)]
    wait: bool,
}

impl ActionType for RecordingStop {
    const NAME: &'static str = "recording_stop";
    const CATEGORY: Category = Category::Voice;
    const ON_ERROR: ErrorPolicy = ErrorPolicy::Continue;
}

impl Compile for RecordingStop {
    fn pauses(&self) -> bool {
        self.wait
    }
}

impl Execute for RecordingStop {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        let data = match &self.name {
            Some(name) => object([("name", checked_name(context.text(name)?)?.into())]),
            None => Map::new(),
        };
        let stop = context.command("call.recording_stop", data);
        Ok(if self.wait { Next::Wait(context.wait_for(&[stop], KEPT_DEADLINE_MS)) } else { Next::Proceed })
    }

    fn take(&self, context: &mut dyn Context, signal: Signal<'_>) -> Result<Reaction, Failure> {
        match signal {
            Signal::Event(event) => match context.reply(event) {
                CommandReply::Unrelated => Ok(Reaction::Ignored),
                CommandReply::Partial | CommandReply::Complete => {
                    context.result("result", event.data.get("result").cloned().unwrap_or_default());
                    Ok(Reaction::Done(Next::Proceed))
                }
                CommandReply::Failed(failure) => Err(failure),
            },
            Signal::Timeout => {
                Err(Failure::new("timeout", "no gateway answered the command within a minute"))
            }
            Signal::Continued => Ok(Reaction::Done(Next::Proceed)),
        }
    }
}
