//! `goto`: jumps. After `loop_count` jumps without leaving the loop it proceeds, and counts from zero again.

use crate::program::options::Count;
use crate::program::{ActionType, Category, Compile, Context, Execute, Failure, Next};
use schemars::JsonSchema;
use serde::Deserialize;

/// Jumps to another action.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Goto {
    target_id: String,
    /// Maximum number of jumps; without it (or 0), no maximum.
    #[serde(default)]
    loop_count: Option<Count>,
}

impl ActionType for Goto {
    const NAME: &'static str = "goto";
    const CATEGORY: Category = Category::Control;
}

impl Compile for Goto {
    fn passes(&self) -> bool {
        self.counted_target().is_some()
    }

    fn targets(&self) -> Vec<(String, &str)> {
        vec![("/target_id".to_owned(), &self.target_id)]
    }

    fn counted_target(&self) -> Option<&str> {
        let counts = self.loop_count.as_ref().is_some_and(|count| count.fixed() != Some(0));
        counts.then_some(&*self.target_id)
    }
}

impl Execute for Goto {
    fn enter(&self, context: &mut dyn Context) -> Result<Next, Failure> {
        let limit = context.whole_or(self.loop_count.as_ref(), 0)?;
        let jumps = limit == 0 || context.count_loop(limit);
        Ok(if jumps { Next::Jump(self.target_id.clone()) } else { Next::Proceed })
    }
}
