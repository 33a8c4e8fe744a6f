//! Routing of events: parses an event, finds the reference or command that it is for, and the flow that its address starts.

pub mod definitions;
pub mod event;
mod event_data;
mod event_types;
mod malformed;
pub mod normal_form;
mod printable;
pub mod route;
mod strict_json;
mod text;

pub use definitions::Definitions;
pub use event::Event;
pub use printable::is_deceptive;
