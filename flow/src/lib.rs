//! The pure core: flow documents, what they compile to, the cursor and its step, and matching.
//!
//! ```text
//!  document ── source, document, options, lint ──► Bundle ─┐
//!  event ── route, definitions ──► who, which flow         ├─► step(bundle, cursor, input, now) ──► cursor', effects, notes
//!                                                 Cursor ──┘        │ actions/*: what each action means
//! ```
//! Nothing here does I/O, reads a clock or draws a random number: what the core needs of the world is an argument, and
//! the same arguments give the same bytes (`clippy.toml` guards it).

mod actions;
pub mod bundle;
mod context;
pub mod cursor;
pub mod definitions;
mod document;
pub mod event;
mod expression;
pub mod finding;
mod format;
mod lint;
mod options;
pub mod preview;
mod program;
mod reader;
pub mod route;
mod run;
mod schema;
mod source;
pub mod step;
mod time;
mod walk;

pub use bundle::{Bundle, Class, validate};
pub use cursor::Cursor;
pub use definitions::Definitions;
pub use document::TRIGGERS;
pub use event::Event;
pub use format::FormatError;
pub use schema::schema;
pub use source::MAX_DOCUMENT_BYTES;
pub use step::{step, step_within};
pub use time::Timestamp;
