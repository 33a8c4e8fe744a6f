//! `answer`: answers the call and proceeds at once.

use crate::program::{ActionType, Category, Compile, Context, Execute, Failure, Next};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;

/// Answers the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {}

impl ActionType for Answer {
    const NAME: &'static str = "answer";
    const CATEGORY: Category = Category::Voice;
}

impl Compile for Answer {}

impl Execute for Answer {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        context.command("call.answer", Map::new());
        Ok(Next::Proceed)
    }
}
