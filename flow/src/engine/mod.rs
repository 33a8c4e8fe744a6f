//! The engine: the cursor of an activeflow, and the step that moves it.
//!
//! ```text
//! step ─► input ─► walk ─► action (enter, take, leave) ─► run: variables, commands, waits, notes
//! ```

pub(crate) mod action;
pub mod cursor;
mod effect;
pub mod limits;
mod note;
pub mod preview;
mod run;
mod step;
mod variables;
mod walk;

pub use effect::{Command, Effect};
pub use note::{Note, NoteKind};
pub use step::{Step, step, step_within};
