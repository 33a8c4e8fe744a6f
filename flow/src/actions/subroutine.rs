//! `subroutine`: runs another flow and comes back.
//!
//! The called flow starts with its own `variables`, over which `arguments` are laid, and sees none of the caller's.
//! When it is at its end, `results` are evaluated with *its* variables and set in the caller.

use super::{Action, Check, Described, Family, Next};
use crate::cursor::Failure;
use crate::options::Data;
use crate::run::Run;
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
    /// Variables of the called flow, and what they get.
    #[serde(default)]
    arguments: BTreeMap<String, Data>,
    /// Variables of this flow, and what they get when the called flow is done, for example `{"open": "${is_open}"}`.
    #[serde(default)]
    results: BTreeMap<String, Data>,
}

impl Described for Subroutine {
    const NAME: &'static str = "subroutine";
    const ALIASES: &'static [&'static str] = &["fetch_flow"];
    const FAMILY: Family = Family::Control;
}

impl Action for Subroutine {
    fn enter(&self, run: &mut Run<'_>) -> Result<Next, Failure> {
        Ok(Next::Call { flow: self.flow_id.clone(), arguments: evaluate(&self.arguments, run)? })
    }

    fn leave(&self, run: &mut Run<'_>) -> Result<Map<String, Value>, Failure> {
        evaluate(&self.results, run)
    }

    fn calls(&self) -> Option<&str> {
        Some(&self.flow_id)
    }

    fn sets(&self) -> Vec<&str> {
        self.results.keys().map(String::as_str).collect()
    }

    fn check(&self, check: &mut Check<'_>) {
        for (option, names) in [("arguments", &self.arguments), ("results", &self.results)] {
            names
                .keys()
                .filter(|name| name.contains('.'))
                .for_each(|name| check.range(option, name, "names without dots"));
            names.keys().for_each(|name| check.variable(option, name));
        }
    }
}

fn evaluate(values: &BTreeMap<String, Data>, run: &mut Run<'_>) -> Result<Map<String, Value>, Failure> {
    values.iter().map(|(name, value)| Ok((name.clone(), run.data(value)?))).collect()
}
