//! The pure core: flow documents, what they compile to, the cursor and its step, and matching.

pub mod bundle;
pub mod cursor;
pub mod definitions;
pub mod event;
mod expression;
pub mod finding;
pub mod route;
mod source;
pub mod step;
mod time;

pub use bundle::{Bundle, Class};
pub use cursor::Cursor;
pub use definitions::Definitions;
pub use event::Event;
pub use step::step;
pub use time::Timestamp;
