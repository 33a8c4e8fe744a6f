//! The description of an action type: its name, its category, and the reader of its options.

use super::compile::{Compile, OptionCheck};
use super::execute::Execute;
use super::options;
use crate::finding::{self, Report};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An action of a program: the half that the compiler uses, and the half that the engine runs.
pub(crate) trait Action: Compile + Execute + std::fmt::Debug + Send + Sync {}

impl<T: Compile + Execute + std::fmt::Debug + Send + Sync> Action for T {}

/// Default reaction to an error of an action without `on_error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorPolicy {
    Stop,
    Continue,
}

/// Category of an action type. The flow's type and trigger decide which categories make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    Control,
    Voice,
    Message,
}

/// An action type, implemented by its options.
pub(crate) trait ActionType: Action + DeserializeOwned + JsonSchema + 'static {
    const NAME: &'static str;
    const ALIASES: &'static [&'static str] = &[];
    const CATEGORY: Category;
    const ON_ERROR: ErrorPolicy = ErrorPolicy::Stop;
}

/// One line of the catalogue.
#[derive(Debug)]
pub(crate) struct CatalogueEntry {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub category: Category,
    pub on_error: ErrorPolicy,
    pub parse: fn(&Value, &str, &mut Report) -> Option<Box<dyn Action>>,
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

impl CatalogueEntry {
    pub const fn of<T: ActionType>() -> CatalogueEntry {
        CatalogueEntry {
            name: T::NAME,
            aliases: T::ALIASES,
            category: T::CATEGORY,
            on_error: T::ON_ERROR,
            parse: parse::<T>,
            schema: SchemaGenerator::subschema_for::<T>,
        }
    }
}

fn parse<T: ActionType>(option: &Value, pointer: &str, report: &mut Report) -> Option<Box<dyn Action>> {
    let action: T = options::read(option, pointer, finding::UNKNOWN_OPTION, finding::OPTION_TYPE, report)?;
    action.check(&mut OptionCheck { pointer, report });
    Some(Box::new(action))
}
