//! `answer`: picks the call up. Waits for nothing.

use super::{Action, Described, Family, Next};
use crate::cursor::Failure;
use crate::run::Run;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;

/// Answers the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {}

impl Described for Answer {
    const NAME: &'static str = "answer";
    const FAMILY: Family = Family::Voice;
}

impl Action for Answer {
    fn enter(&self, run: &mut Run<'_>) -> Result<Next, Failure> {
        run.command("call.answer", Map::new());
        Ok(Next::On)
    }
}
