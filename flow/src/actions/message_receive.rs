//! `message_receive`: waits for the next message of the conversation that started the flow.

use super::{Action, Check, Described, Family, Next, Policy, Reaction, Signal};
use crate::cursor::Failure;
use crate::options::Count;
use crate::run::Run;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

const RECEIVED: &str = "message.received";
const DEFAULT_DURATION_MS: u64 = 24 * 60 * 60 * 1_000;

/// Waits for a message of the peer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageReceive {
    /// How long to wait, in milliseconds. Without it, one day.
    #[serde(default)]
    duration: Option<Count>,
}

impl Described for MessageReceive {
    const NAME: &'static str = "message_receive";
    const FAMILY: Family = Family::Message;
    const ON_ERROR: Policy = Policy::Continue;
}

impl Action for MessageReceive {
    fn enter(&self, run: &mut Run<'_>) -> Result<Next, Failure> {
        let duration = run.whole_or(self.duration.as_ref(), DEFAULT_DURATION_MS)?;
        Ok(Next::Wait(run.wait_ms(duration)))
    }

    fn take(&self, run: &mut Run<'_>, signal: Signal<'_>) -> Result<Reaction, Failure> {
        match signal {
            Signal::Event(event) if event.kind == RECEIVED => {
                for key in ["from", "to", "text"] {
                    run.result(key, event.data.get(key).cloned().unwrap_or(Value::String(String::new())));
                }
                run.result("timed_out", json!(false));
                run.set_message(event.data.clone());
            }
            Signal::Event(_) => return Ok(Reaction::Ignored),
            Signal::Timeout | Signal::Continued => {
                run.result("text", json!(""));
                run.result("timed_out", json!(matches!(signal, Signal::Timeout)));
            }
        }
        Ok(Reaction::Done(Next::On))
    }

    fn hears(&self) -> &'static [&'static str] {
        &[RECEIVED]
    }

    fn pauses(&self) -> bool {
        true
    }

    fn needs_trigger(&self) -> Option<&'static str> {
        Some(RECEIVED)
    }

    fn check(&self, check: &mut Check<'_>) {
        check.duration("duration", self.duration.as_ref(), 1);
    }
}
