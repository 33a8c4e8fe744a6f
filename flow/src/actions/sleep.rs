//! `sleep`: goes on after a while.

use crate::engine::action::{Context, Execute, Next};
use crate::engine::cursor::Failure;
use crate::language::Count;
use crate::language::action::{ActionType, Check, Compile, Family};
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
    const FAMILY: Family = Family::Control;
}

impl Compile for Sleep {
    fn pauses(&self) -> bool {
        true
    }

    fn check(&self, check: &mut Check<'_>) {
        check.duration("duration", Some(&self.duration), 0);
    }
}

impl Execute for Sleep {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        let duration = context.count_or(Some(&self.duration), 0)?;
        Ok(Next::Wait(context.wait_ms(duration)))
    }
}
