//! Routing: from an event to its reference, and to the flow that it starts.

pub mod definitions;
pub mod event;
pub mod route;
