//! `message_receive`: waits for the next message of the conversation that started the flow.

use crate::program::options::Count;
use crate::program::{
    ActionType, Category, Compile, Context, ErrorPolicy, Execute, Failure, Next, OptionCheck, Reaction,
    Signal,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

const RECEIVED: &str = "message.received";
const DEFAULT_DURATION_MS: u64 = 24 * 60 * 60 * 1_000;

/// Waits for a message from the peer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageReceive {
    /// Maximum wait in milliseconds; without it, one day.
    #[serde(default)]
    duration: Option<Count>,
}

impl ActionType for MessageReceive {
    const NAME: &'static str = "message_receive";
    const CATEGORY: Category = Category::Message;
    const ON_ERROR: ErrorPolicy = ErrorPolicy::Continue;
}

impl Compile for MessageReceive {
    fn hears(&self) -> &'static [&'static str] {
        &[RECEIVED]
    }

    fn pauses(&self) -> bool {
        true
    }

    fn needs_trigger(&self) -> Option<&'static str> {
        Some(RECEIVED)
    }

    fn check(&self, check: &mut OptionCheck<'_>) {
        check.duration("duration", self.duration.as_ref(), 1);
    }
}

impl Execute for MessageReceive {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        let duration = context.whole_or(self.duration.as_ref(), DEFAULT_DURATION_MS)?;
        Ok(Next::Wait(context.wait_ms(duration)))
    }

    fn take(&self, context: &mut dyn Context, signal: Signal<'_>) -> Result<Reaction, Failure> {
        match signal {
            Signal::Event(event) if event.kind == RECEIVED => {
                for key in ["from", "to", "text"] {
                    context.result(key, event.data.get(key).cloned().unwrap_or(Value::String(String::new())));
                }
                context.result("timed_out", json!(false));
                context.set_message(event.data.clone());
            }
            Signal::Event(_) => return Ok(Reaction::Ignored),
            Signal::Timeout | Signal::Continued => {
                context.result("text", json!(""));
                context.result("timed_out", json!(matches!(signal, Signal::Timeout)));
            }
        }
        Ok(Reaction::Done(Next::Proceed))
    }
}
