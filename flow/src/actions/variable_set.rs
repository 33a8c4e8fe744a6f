//! `variable_set`: gives a variable of the flow a value of any kind.

use super::{Action, Check, Described, Family, Next};
use crate::cursor::Failure;
use crate::options::Data;
use crate::run::Run;
use schemars::JsonSchema;
use serde::Deserialize;

/// Sets a variable.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariableSet {
    /// The variable's name; dots reach into an object.
    key: String,
    value: Data,
}

impl Described for VariableSet {
    const NAME: &'static str = "variable_set";
    const FAMILY: Family = Family::Control;
}

impl Action for VariableSet {
    fn enter(&self, run: &mut Run<'_>) -> Result<Next, Failure> {
        let value = run.data(&self.value)?;
        run.set(&self.key, value);
        Ok(Next::On)
    }

    fn sets(&self) -> Vec<&str> {
        vec![&self.key]
    }

    fn check(&self, check: &mut Check<'_>) {
        check.variable("key", &self.key);
    }
}
