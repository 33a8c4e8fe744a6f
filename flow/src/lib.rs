//! The pure core: the flow language, the cursor with its step, and routing.
//!
//! ```text
//!  document ─► language ─► Bundle ──┐
//!  event ─► routing ─► which flow   ├─► engine: step(bundle, cursor, input, now) ─► cursor', effects, notes
//!                          Cursor ──┘             │ actions: one file for each action type
//! ```
//! Nothing here does I/O, reads a clock or draws a random number. Everything from outside is an argument, and the same
//! arguments give the same bytes (`clippy.toml` enforces it).

mod actions;
pub mod bundle;
mod engine;
mod format;
pub mod json;
mod language;
mod routing;
mod time;

pub use bundle::{Bundle, validate};
pub use engine::cursor::Cursor;
pub use engine::{Command, Effect, Note, NoteKind, Step, cursor, limits, preview, step, step_within};
pub use format::FormatError;
pub use language::document::TRIGGERS;
pub use language::finding;
pub use language::program::Class;
pub use language::schema::schema;
pub use language::source::MAX_DOCUMENT_BYTES;
pub use routing::definitions::Definitions;
pub use routing::event::Event;
pub use routing::{definitions, event, route};
pub use time::Timestamp;
