//! `sleep`: goes on after a while.

use super::{Action, Check, Described, Family, Next};
use crate::cursor::Failure;
use crate::options::Count;
use crate::run::Run;
use schemars::JsonSchema;
use serde::Deserialize;

/// Waits.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sleep {
    /// In milliseconds.
    duration: Count,
}

impl Described for Sleep {
    const NAME: &'static str = "sleep";
    const FAMILY: Family = Family::Control;
}

impl Action for Sleep {
    fn enter(&self, run: &mut Run<'_>) -> Result<Next, Failure> {
        let duration = run.whole_or(Some(&self.duration), 0)?;
        Ok(Next::Wait(run.wait_ms(duration)))
    }

    fn pauses(&self) -> bool {
        true
    }

    fn check(&self, check: &mut Check<'_>) {
        check.duration("duration", Some(&self.duration), 0);
    }
}
