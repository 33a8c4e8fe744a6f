//! `variable_set`: sets a variable of the flow to a value of any type.

use crate::program::options::Data;
use crate::program::{ActionType, Category, Compile, Context, Execute, Failure, Next, OptionCheck};
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

impl ActionType for VariableSet {
    const NAME: &'static str = "variable_set";
    const CATEGORY: Category = Category::Control;
}

impl Compile for VariableSet {
    fn sets(&self) -> Vec<&str> {
        vec![&self.key]
    }

    fn check(&self, check: &mut OptionCheck<'_>) {
        check.variable("key", &self.key);
    }
}

impl Execute for VariableSet {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        let value = context.data(&self.value)?;
        context.set(&self.key, value);
        Ok(Next::Proceed)
    }
}
