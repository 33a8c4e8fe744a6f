//! The pure core: flow documents, the programs that they compile to, the step that runs a program, and event routing.
//!
//! ```text
//!  document ── language ──► Bundle ─┐
//!  event ── routing ──► reference, flow   ├─► step(bundle, cursor, input, now) ──► cursor', effects, notes
//!                           Cursor ─┘        engine; actions/*: the meaning of each action
//! ```
//! | folder | contents | uses |
//! | --- | --- | --- |
//! | `routing/` | events, references, routes, deployed flows | |
//! | `program/` | compiled flows; the traits that an action implements | `routing/` |
//! | `actions/` | one file per action type, and the catalogue | `program/` |
//! | `language/` | from a document's text to a program, with findings | `program/`, the catalogue |
//! | `engine/` | the cursor and the step that moves it through a program | `program/` |
//!
//! Nothing here does I/O, reads a clock or draws a random number. Everything that the core needs is an argument, and the
//! same arguments give the same bytes; `clippy.toml` enforces it.

mod actions;
mod class;
mod engine;
pub mod finding;
mod format;
pub mod json;
mod language;
pub mod limits;
mod program;
mod routing;
mod time;

pub use class::Class;
pub use engine::{Cursor, cursor, preview, step, step_limited, step_within};
pub use format::FormatError;
pub use language::{MAX_DOCUMENT_BYTES, TRIGGERS, calls, schema, validate};
pub use program::Bundle;
pub use routing::{Definitions, Event, definitions, event, is_deceptive, normal_form, route};
pub use time::Timestamp;
