//! `stop`: ends the activeflow, from any subroutine.

use crate::program::{ActionType, Category, Compile, Context, Execute, Failure, Next};
use schemars::JsonSchema;
use serde::Deserialize;

/// Ends the flow.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {}

impl ActionType for Stop {
    const NAME: &'static str = "stop";
    const CATEGORY: Category = Category::Control;
}

impl Compile for Stop {
    fn passes(&self) -> bool {
        false
    }
}

impl Execute for Stop {
    fn enter(&self, _context: &mut dyn Context) -> Result<Next, Failure> {
        Ok(Next::Finish)
    }
}
