//! Runs programs: the cursor, and the step that moves it by one input.

pub mod cursor;
mod effect;
mod note;
pub mod preview;
mod quota;
mod run;
pub mod step;
mod variables;
mod walk;

pub use cursor::Cursor;
pub use step::{step, step_limited, step_within};
