//! Compiled flows, and the traits that an action implements. `language` makes programs, `engine` runs them.

mod action_type;
mod bundle;
mod compile;
mod execute;
pub(crate) mod expression;
mod flow;
pub(crate) mod options;
mod work;

pub use bundle::Bundle;
pub use execute::Failure;

pub(crate) use action_type::{ActionType, CatalogueEntry, Category, ErrorPolicy};
pub(crate) use bundle::{FORMAT, OLDEST_FORMAT, StoredBundle};
pub(crate) use compile::{Compile, OptionCheck};
pub(crate) use execute::{CommandReply, Context, Execute, Next, Reaction, Signal, Wait};
pub(crate) use flow::{Flow, NextNode, Node, OnError, ReservedId};
pub(crate) use work::Work;
