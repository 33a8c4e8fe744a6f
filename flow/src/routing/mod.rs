//! Events, the reference or command that each is for, and the deployed flow that an address starts.

pub mod definitions;
pub mod event;
pub mod route;

pub use definitions::Definitions;
pub use event::Event;
