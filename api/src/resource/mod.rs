//! What is shown: the resources as clients see them, made of what the store has.

mod activeflow;
mod flow;

pub use activeflow::{ActionError, Activeflow, CurrentAction, NIL};
pub use flow::{FindingResource, Flow, RouteResource};
