//! What is shown: the resources as clients see them, made of what the store has.

mod activeflow;

pub use activeflow::{ActionError, Activeflow, CurrentAction, NIL};
