//! `talk`: speaks a text, and waits for its end.

use super::prompt::{self, DigitsHandle};
use crate::json::object;
use crate::program::options::Text;
use crate::program::{
    ActionType, Category, Compile, Context, ErrorPolicy, Execute, Failure, Next, OptionCheck, Reaction,
    Signal,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Speaks a text to the caller.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Talk {
    text: Text,
    /// Language tag, for example `en-US`.
    #[serde(default)]
    language: Option<Text>,
    /// `male`, `female` or `neutral`.
    #[serde(default)]
    gender: Option<Text>,
    /// Name of a voice of the gateway.
    #[serde(default)]
    voice: Option<Text>,
    #[serde(default)]
    digits_handle: DigitsHandle,
    /// Proceeds at once instead of waiting for the end.
    #[serde(default, rename = "async")]
    asynchronous: bool,
}

impl ActionType for Talk {
    const NAME: &'static str = "talk";
    const CATEGORY: Category = Category::Voice;
    const ON_ERROR: ErrorPolicy = ErrorPolicy::Continue;
}

impl Compile for Talk {
    fn hears(&self) -> &'static [&'static str] {
        self.digits_handle.hears()
    }

    fn pauses(&self) -> bool {
        !self.asynchronous
    }

    fn check(&self, check: &mut OptionCheck<'_>) {
        check.language("language", self.language.as_ref());
    }
}

impl Execute for Talk {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        let mut data = object([("text", context.text(&self.text)?.into())]);
        for (key, value) in [("language", &self.language), ("gender", &self.gender), ("voice", &self.voice)] {
            if let Some(text) = value {
                data.insert(key.to_owned(), context.text(text)?.into());
            }
        }
        Ok(prompt::enter(context, "call.talk", data, self.digits_handle, self.asynchronous))
    }

    fn take(&self, context: &mut dyn Context, signal: Signal<'_>) -> Result<Reaction, Failure> {
        prompt::take(context, signal, self.digits_handle)
    }
}
