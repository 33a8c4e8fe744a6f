//! `hangup`: asks for the end of the call and goes on; what stands behind it still runs.

use super::{Action, Described, Family, Next};
use crate::cursor::Failure;
use crate::options::Text;
use crate::run::{Run, fields};
use schemars::JsonSchema;
use serde::Deserialize;

/// Hangs the call up.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hangup {
    /// Why, for the gateway: `normal` (default), `busy`, `cancel`, `timeout`, `noanswer`, `dialout`, `amd`.
    #[serde(default)]
    reason: Option<Text>,
    /// The call to hang up instead of the activeflow's own.
    #[serde(default)]
    reference_id: Option<Text>,
}

impl Described for Hangup {
    const NAME: &'static str = "hangup";
    const FAMILY: Family = Family::Voice;
}

impl Action for Hangup {
    fn enter(&self, run: &mut Run<'_>) -> Result<Next, Failure> {
        let reason = match &self.reason {
            Some(reason) => run.text(reason)?,
            None => "normal".to_owned(),
        };
        let mut data = fields([("reason", reason.into())]);
        if let Some(call) = &self.reference_id {
            data.insert("reference_id".to_owned(), run.text(call)?.into());
        }
        run.command("call.hangup", data);
        Ok(Next::On)
    }
}
