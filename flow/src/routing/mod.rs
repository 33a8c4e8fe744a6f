//! Routing of events: parses an event, finds the reference or command that it is for, and the flow that its address starts.

pub mod definitions;
pub mod event;
mod malformed;
pub mod route;
mod strict_json;

pub use definitions::Definitions;
pub use event::Event;
