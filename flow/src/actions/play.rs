//! `play`: plays audio files in order, and waits for the end of the last one.

use super::prompt::{self, DigitsHandle};
use crate::json::object;
use crate::program::options::Text;
use crate::program::{
    ActionType, Category, Compile, Context, ErrorPolicy, Execute, Failure, Next, OptionCheck, Reaction,
    Signal,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

const MAX_STREAMS: usize = 100;

/// Plays audio to the caller.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Play {
    /// Addresses of the audio files, in playing order.
    stream_urls: Vec<Text>,
    #[serde(default)]
    digits_handle: DigitsHandle,
    /// Proceeds at once instead of waiting for the end.
    #[serde(default, rename = "async")]
    asynchronous: bool,
}

impl ActionType for Play {
    const NAME: &'static str = "play";
    const CATEGORY: Category = Category::Voice;
    const ON_ERROR: ErrorPolicy = ErrorPolicy::Continue;
}

impl Compile for Play {
    fn hears(&self) -> &'static [&'static str] {
        self.digits_handle.hears()
    }

    fn pauses(&self) -> bool {
        !self.asynchronous
    }

    fn check(&self, check: &mut OptionCheck<'_>) {
        if self.stream_urls.is_empty() {
            check.range("stream_urls", "[]", "at least one address");
        }
        if self.stream_urls.len() > MAX_STREAMS {
            check.range("stream_urls", format!("{} addresses", self.stream_urls.len()), "at most 100");
        }
    }
}

impl Execute for Play {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        let urls: Vec<Value> = self
            .stream_urls
            .iter()
            .map(|url| context.text(url).map(Value::from))
            .collect::<Result<_, _>>()?;
        let data = object([("stream_urls", urls.into())]);
        Ok(prompt::enter(context, "call.play", data, self.digits_handle, self.asynchronous))
    }

    fn take(&self, context: &mut dyn Context, signal: Signal<'_>) -> Result<Reaction, Failure> {
        prompt::take(context, signal, self.digits_handle)
    }
}
