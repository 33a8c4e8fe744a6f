//! What is shown: the resources as clients see them, made of what the store has.

mod actions;
mod activeflow;
pub mod compat_v1_0;
mod flow;

pub use actions::{ActionOutcome, Actions, CompletedAction, PendingAction};
pub use activeflow::{ActionError, Activeflow, CurrentAction, NIL};
pub use flow::{FindingResource, Flow, RouteResource};
