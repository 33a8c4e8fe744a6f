//! `play`: plays audio files one after another, and waits until they were played.

use super::prompt::{self, DigitsHandle};
use super::{Action, Check, Described, Family, Next, Policy, Reaction, Signal};
use crate::cursor::Failure;
use crate::options::Text;
use crate::run::{Run, fields};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

const MAX_STREAMS: usize = 100;

/// Plays audio to the caller.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Play {
    /// Where the audio is, in the order in which it is played.
    stream_urls: Vec<Text>,
    #[serde(default)]
    digits_handle: DigitsHandle,
    /// Goes on at once instead of waiting for the end.
    #[serde(default, rename = "async")]
    asynchronous: bool,
}

impl Described for Play {
    const NAME: &'static str = "play";
    const FAMILY: Family = Family::Voice;
    const ON_ERROR: Policy = Policy::Continue;
}

impl Action for Play {
    fn enter(&self, run: &mut Run<'_>) -> Result<Next, Failure> {
        let urls: Vec<Value> =
            self.stream_urls.iter().map(|url| run.text(url).map(Value::from)).collect::<Result<_, _>>()?;
        let data = fields([("stream_urls", urls.into())]);
        Ok(prompt::enter(run, "call.play", data, self.digits_handle, self.asynchronous))
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

    fn check(&self, check: &mut Check<'_>) {
        if self.stream_urls.is_empty() {
            check.range("stream_urls", "[]", "at least one address");
        }
        if self.stream_urls.len() > MAX_STREAMS {
            check.range("stream_urls", format!("{} addresses", self.stream_urls.len()), "at most 100");
        }
    }
}
