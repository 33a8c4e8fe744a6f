//! The JSON resources, built from the store's entries.

mod actions;
mod activeflow;
pub mod compat_v1_0;
mod flow;
mod route;

pub use actions::Actions;
pub use activeflow::{ActionError, Activeflow, CurrentAction, NIL};
pub use flow::{FindingResource, Flow};
pub use route::{PlacedRoute, RouteResource};
