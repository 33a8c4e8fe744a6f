//! `subroutine`: runs another flow and returns.
//!
//! The called flow starts with its own `variables`, overridden by `arguments`, and does not see the caller's variables.
//! At its end, `results` are evaluated with *its* variables and set in the caller.

use crate::program::options::Data;
use crate::program::{ActionType, Category, Compile, Context, Execute, Failure, Next, OptionCheck};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Calls another flow.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subroutine {
    /// The id or name of a flow without a trigger.
    flow_id: String,
    /// Values for variables of the called flow.
    #[serde(default)]
    arguments: BTreeMap<String, Data>,
    /// Values for variables of this flow, set when the called flow ends, for example `{"open": "${is_open}"}`.
    #[serde(default)]
    results: BTreeMap<String, Data>,
}

impl ActionType for Subroutine {
    const NAME: &'static str = "subroutine";
    const ALIASES: &'static [&'static str] = &["fetch_flow"];
    const CATEGORY: Category = Category::Control;
}

impl Compile for Subroutine {
    fn calls(&self) -> Option<&str> {
        Some(&self.flow_id)
    }

    fn sets(&self) -> Vec<&str> {
        self.results.keys().map(String::as_str).collect()
    }

    fn check(&self, check: &mut OptionCheck<'_>) {
        for (option, names) in [("arguments", &self.arguments), ("results", &self.results)] {
            names
                .keys()
                .filter(|name| name.contains('.'))
                .for_each(|name| check.range(option, name, "names without dots"));
            names.keys().for_each(|name| check.variable(option, name));
        }
        self.results.iter().for_each(|(name, value)| check.result(name, value));
    }
}

impl Execute for Subroutine {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        Ok(Next::CallFlow { flow: self.flow_id.clone(), arguments: evaluate(&self.arguments, context)? })
    }

    fn leave(&self, context: &mut dyn Context) -> Result<Map<String, Value>, Failure> {
        evaluate(&self.results, context)
    }
}

fn evaluate(
    values: &BTreeMap<String, Data>,
    context: &mut dyn Context,
) -> Result<Map<String, Value>, Failure> {
    values.iter().map(|(name, value)| Ok((name.clone(), context.data(value)?))).collect()
}
