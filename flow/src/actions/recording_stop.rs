//! `recording_stop`: ends a recording of the call.
//!
//! Goes on at once, or with `wait` when the gateway says that the recording is kept; what it says of it (its address, its
//! length) is `actions.<id>.result`. One that has ended by itself is answered in the same way.

use super::recording_start::named;
use super::{Action, Described, Family, Next, Policy, Reaction, Signal};
use crate::cursor::Failure;
use crate::options::Text;
use crate::run::{Answered, Run, fields};
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
    /// Waits until the gateway says that the recording is kept, at most a minute.
    #[serde(default)]
    wait: bool,
}

impl Described for RecordingStop {
    const NAME: &'static str = "recording_stop";
    const FAMILY: Family = Family::Voice;
    const ON_ERROR: Policy = Policy::Continue;
}

impl Action for RecordingStop {
    fn enter(&self, run: &mut Run<'_>) -> Result<Next, Failure> {
        let data = match &self.name {
            Some(name) => fields([("name", named(run.text(name)?)?.into())]),
            None => Map::new(),
        };
        let stop = run.command("call.recording_stop", data);
        Ok(if self.wait { Next::Wait(run.wait_for([stop], KEPT_DEADLINE_MS)) } else { Next::On })
    }

    fn take(&self, run: &mut Run<'_>, signal: Signal<'_>) -> Result<Reaction, Failure> {
        match signal {
            Signal::Event(event) => match run.answer(event) {
                Answered::No => Ok(Reaction::Ignored),
                Answered::Some | Answered::All => {
                    run.result("result", event.data.get("result").cloned().unwrap_or_default());
                    Ok(Reaction::Done(Next::On))
                }
                Answered::Failed(failure) => Err(failure),
            },
            Signal::Timeout => {
                Err(Failure::new("timeout", "no gateway answered the command within a minute"))
            }
            Signal::Continued => Ok(Reaction::Done(Next::On)),
        }
    }

    fn pauses(&self) -> bool {
        self.wait
    }
}
