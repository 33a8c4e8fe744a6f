//! `sleep`: proceeds after a duration.

use crate::program::options::Count;
use crate::program::{ActionType, Category, Compile, Context, Execute, Failure, Next, OptionCheck};
use schemars::JsonSchema;
use serde::Deserialize;

/// Waits.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sleep {
    /// In milliseconds.
    duration: Count,
}

impl ActionType for Sleep {
    const NAME: &'static str = "sleep";
    const CATEGORY: Category = Category::Control;
}

impl Compile for Sleep {
    fn pauses(&self) -> bool {
        true
    }

    fn check(&self, check: &mut OptionCheck<'_>) {
        check.duration("duration", Some(&self.duration), 0);
    }
}

impl Execute for Sleep {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        let duration = context.whole_or(Some(&self.duration), 0)?;
        Ok(Next::Wait(context.wait_ms(duration)))
    }
}
