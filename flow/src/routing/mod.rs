//! Routing of events: parses an event, finds the reference or command that it is for, and the flow that its address starts.

pub mod definitions;
pub mod event;
pub mod route;

pub use definitions::Definitions;
pub use event::Event;
