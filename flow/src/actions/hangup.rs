//! `hangup`: requests the end of the call and proceeds. The actions after it still run.

use crate::json::object;
use crate::program::options::Text;
use crate::program::{ActionType, Category, Compile, Context, Execute, Failure, Next};
use schemars::JsonSchema;
use serde::Deserialize;

/// Hangs the call up.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hangup {
    /// Reason for the gateway: `normal` (default), `busy`, `cancel`, `timeout`, `noanswer`, `dialout`, `amd`.
    #[serde(default)]
    reason: Option<Text>,
    /// The call to hang up instead of the activeflow's own.
    #[serde(default)]
    reference_id: Option<Text>,
}

impl ActionType for Hangup {
    const NAME: &'static str = "hangup";
    const CATEGORY: Category = Category::Voice;
}

impl Compile for Hangup {}

impl Execute for Hangup {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        let reason = match &self.reason {
            Some(reason) => context.text(reason)?,
            None => "normal".to_owned(),
        };
        let mut data = object([("reason", reason.into())]);
        if let Some(call) = &self.reference_id {
            data.insert("reference_id".to_owned(), context.text(call)?.into());
        }
        context.command("call.hangup", data);
        Ok(Next::Proceed)
    }
}
