//! The pure core: flow documents, what they compile to, the cursor and its step, and matching.

pub mod event;
mod time;

pub use event::Event;
pub use time::Timestamp;
