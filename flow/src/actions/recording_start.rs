//! `recording_start`: starts to record the call, and proceeds at once.
//!
//! The name of the recording, `actions.<id>.name`, is known from the start, so the flow can pass it on. The gateway ends
//! the recording at `recording_stop`, at the end of the call, or by one of the options here.

use crate::json::object;
use crate::program::options::{Count, Text};
use crate::program::{
    ActionType, Category, Compile, Context, ErrorPolicy, Execute, Failure, Next, OptionCheck,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// One day.
const MAX_SECONDS: u64 = 24 * 60 * 60;
const MAX_NAME: usize = 128;
const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// Starts to record the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingStart {
    /// Name of the recording: letters, digits and `._+-`. Without it, `<activeflow id>-<number of the command>`.
    #[serde(default)]
    name: Option<Text>,
    #[serde(default)]
    format: Format,
    /// Maximum length in seconds; 0 is no limit.
    #[serde(default)]
    duration: Option<Count>,
    /// Seconds of silence that end the recording; 0 is never.
    #[serde(default)]
    end_of_silence: Option<Count>,
    /// The key that ends the recording.
    #[serde(default)]
    end_of_key: EndKey,
    /// Whether a beep marks the start for the caller.
    #[serde(default)]
    beep_start: bool,
    /// A flow to run at the end, as in voipbin's documents. Only an empty value is supported.
    #[serde(default)]
    on_end_flow_id: Option<String>,
}

/// File format of the recording.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Wav,
    Mp3,
    Ogg,
}

/// Key that ends the recording.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum EndKey {
    #[default]
    #[serde(alias = "")]
    None,
    Any,
    #[serde(rename = "*")]
    Star,
    #[serde(rename = "#")]
    Hash,
}

impl ActionType for RecordingStart {
    const NAME: &'static str = "recording_start";
    const CATEGORY: Category = Category::Voice;
    const ON_ERROR: ErrorPolicy = ErrorPolicy::Continue;
}

impl Compile for RecordingStart {
    fn check(&self, check: &mut OptionCheck<'_>) {
        for (key, value) in [("duration", &self.duration), ("end_of_silence", &self.end_of_silence)] {
            if let Some(given) = value.as_ref().and_then(Count::fixed).filter(|given| *given > MAX_SECONDS) {
                check.range(key, given, "at most 86400 seconds, a day");
            }
        }
        if let Some(flow) = self.on_end_flow_id.as_deref().filter(|flow| !["", NIL].contains(flow)) {
            check.range("on_end_flow_id", flow, "none: no flow can be started by the end of a recording yet");
        }
    }
}

impl Execute for RecordingStart {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        let name = match &self.name {
            Some(name) => checked_name(context.text(name)?)?,
            None => context.name_of_next_command(),
        };
        let data = object([
            ("name", name.clone().into()),
            ("format", json!(self.format)),
            ("duration", seconds(context, "duration", self.duration.as_ref())?.into()),
            ("end_of_silence", seconds(context, "end_of_silence", self.end_of_silence.as_ref())?.into()),
            ("end_of_key", json!(self.end_of_key)),
            ("beep_start", self.beep_start.into()),
        ]);
        context.command("call.recording_start", data);
        context.result("name", name.into());
        Ok(Next::Proceed)
    }
}

/// Checks a name. Gateways use it in file names and addresses, so it has no characters that are special there.
pub(super) fn checked_name(name: String) -> Result<String, Failure> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_plain) && !name.starts_with('.') {
        return Ok(name);
    }
    let shown: String = name.chars().take(60).collect();
    Err(Failure::new(
        "invalid_option",
        format!("`name` is `{shown}`, expected 1 to {MAX_NAME} letters, digits and `._+-`, the first no dot"),
    ))
}

fn seconds(context: &mut dyn Context, key: &str, value: Option<&Count>) -> Result<u64, Failure> {
    match context.whole_or(value, 0)? {
        seconds @ 0..=MAX_SECONDS => Ok(seconds),
        seconds => Err(Failure::new(
            "invalid_option",
            format!("`{key}` is {seconds}, expected at most {MAX_SECONDS} seconds"),
        )),
    }
}
