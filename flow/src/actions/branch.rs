//! `branch`: jumps by the value of a variable, and does not change the variable.

use crate::program::expression::Template;
use crate::program::options;
use crate::program::{ActionType, Category, Compile, Context, Execute, Failure, Next};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::Deserializer;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Jumps to the target of the variable's value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The variable's name; without it, `call.digits`.
    #[serde(default)]
    variable: Name,
    /// Action ids by value.
    #[serde(default)]
    target_ids: BTreeMap<String, String>,
    /// Target for any other value; without it, the next action.
    #[serde(default)]
    default_target_id: Option<String>,
}

impl ActionType for Branch {
    const NAME: &'static str = "branch";
    const CATEGORY: Category = Category::Control;
}

impl Compile for Branch {
    fn passes(&self) -> bool {
        self.default_target_id.is_none()
    }

    fn targets(&self) -> Vec<(String, &str)> {
        let by_value = self
            .target_ids
            .iter()
            .map(|(value, id)| (crate::finding::child("/target_ids", value), id.as_str()));
        by_value
            .chain(self.default_target_id.iter().map(|id| ("/default_target_id".to_owned(), id.as_str())))
            .collect()
    }

    fn reads(&self) -> Vec<&Template> {
        vec![&self.variable.0]
    }
}

impl Execute for Branch {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        let value = context.template_text(&self.variable.0)?;
        let target = self.target_ids.get(value.trim()).or(self.default_target_id.as_ref());
        Ok(target.map_or(Next::Proceed, |target| Next::Jump(target.clone())))
    }
}

/// A variable's name, or an expression in its place.
#[derive(Debug)]
struct Name(Template);

const DIGITS: &str = "call.digits";

impl Default for Name {
    fn default() -> Self {
        Name(Template::parse_expression(DIGITS).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?.filter(|name| !name.is_empty());
        Template::parse_expression(name.as_deref().unwrap_or(DIGITS))
            .map(Name)
            .map_err(options::not_an_expression)
    }
}

impl JsonSchema for Name {
    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "default": DIGITS })
    }

    fn inline_schema() -> bool {
        true
    }
}
