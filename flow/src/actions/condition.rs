//! `condition`: proceeds when an expression holds, and jumps when it does not.

use crate::program::expression::Template;
use crate::program::options;
use crate::program::{ActionType, Category, Compile, Context, Execute, Failure, Next};
use schemars::JsonSchema;
use serde::Deserialize;

/// Chooses the next action by an expression.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    expression: options::Condition,
    /// Target when the expression does not hold.
    false_target_id: String,
    /// Target when the expression holds; without it, the next action.
    #[serde(default)]
    true_target_id: Option<String>,
}

impl ActionType for Condition {
    const NAME: &'static str = "condition";
    const CATEGORY: Category = Category::Control;
}

impl Compile for Condition {
    fn passes(&self) -> bool {
        self.true_target_id.is_none()
    }

    fn targets(&self) -> Vec<(String, &str)> {
        let on_true = self.true_target_id.iter().map(|id| ("/true_target_id".to_owned(), id.as_str()));
        std::iter::once(("/false_target_id".to_owned(), self.false_target_id.as_str()))
            .chain(on_true)
            .collect()
    }

    fn reads(&self) -> Vec<&Template> {
        vec![&self.expression.0]
    }
}

impl Execute for Condition {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        Ok(match (context.holds(&self.expression)?, &self.true_target_id) {
            (true, None) => Next::Proceed,
            (true, Some(target)) => Next::Jump(target.clone()),
            (false, _) => Next::Jump(self.false_target_id.clone()),
        })
    }
}
