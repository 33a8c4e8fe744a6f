//! `talk`: speaks a text, and waits until it was spoken.

use super::prompt::{self, DigitsHandle};
use super::{Action, Described, Family, Next, Policy, Reaction, Signal};
use crate::cursor::Failure;
use crate::options::Text;
use crate::run::{Run, fields};
use schemars::JsonSchema;
use serde::Deserialize;

/// Speaks a text to the caller.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Talk {
    text: Text,
    /// As in `en-US`.
    #[serde(default)]
    language: Option<Text>,
    /// `male`, `female` or `neutral`.
    #[serde(default)]
    gender: Option<Text>,
    /// A voice that the gateway knows by name.
    #[serde(default)]
    voice: Option<Text>,
    #[serde(default)]
    digits_handle: DigitsHandle,
    /// Goes on at once instead of waiting for the end.
    #[serde(default, rename = "async")]
    asynchronous: bool,
}

impl Described for Talk {
    const NAME: &'static str = "talk";
    const FAMILY: Family = Family::Voice;
    const ON_ERROR: Policy = Policy::Continue;
}

impl Action for Talk {
    fn enter(&self, run: &mut Run<'_>) -> Result<Next, Failure> {
        let mut data = fields([("text", run.text(&self.text)?.into())]);
        for (key, value) in [("language", &self.language), ("gender", &self.gender), ("voice", &self.voice)] {
            if let Some(text) = value {
                data.insert(key.to_owned(), run.text(text)?.into());
            }
        }
        Ok(prompt::enter(run, "call.talk", data, self.digits_handle, self.asynchronous))
    }

    fn take(&self, run: &mut Run<'_>, signal: Signal<'_>) -> Result<Reaction, Failure> {
        prompt::take(run, signal, self.digits_handle)
    }

    fn hears(&self) -> &'static [&'static str] {
        self.digits_handle.hears()
    }

    fn pauses(&self) -> bool {
        !self.asynchronous
    }
}
