//! The JSON resources, built from the store's entries.

mod actions;
mod activeflow;
pub mod compat_v1_0;
mod flow;

pub use actions::{ActionOutcome, Actions, CompletedAction, PendingAction};
pub use activeflow::{ActionError, Activeflow, CurrentAction, NIL};
pub use flow::{FindingResource, Flow, RouteResource};
