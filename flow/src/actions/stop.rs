//! `stop`: ends the activeflow, subroutines and all.

use super::{Action, Described, Family, Next};
use crate::cursor::Failure;
use crate::run::Run;
use schemars::JsonSchema;
use serde::Deserialize;

/// Ends the flow.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {}

impl Described for Stop {
    const NAME: &'static str = "stop";
    const FAMILY: Family = Family::Control;
}

impl Action for Stop {
    fn enter(&self, _run: &mut Run<'_>) -> Result<Next, Failure> {
        Ok(Next::Finish)
    }

    fn passes(&self) -> bool {
        false
    }
}
