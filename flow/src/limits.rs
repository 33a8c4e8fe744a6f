//! Limits of one activeflow. The first five end it with the reason `limit.<name>`.

/// Executed actions.
pub const ACTIONS: u32 = 10_000;
/// Nested frames: the main flow and the subroutines above it.
pub const DEPTH: usize = 32;
/// Executions of the same action without an input in between.
pub const LOOP: u32 = 1_000;
/// Bytes of variables and results of all frames, as JSON.
pub const VARIABLES: usize = 64 * 1024;
/// Milliseconds from the first input to the end: 30 days.
pub const LIFETIME_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// Actions in one step. A step that reaches the limit yields.
pub const ACTIONS_PER_STEP: u32 = 256;
/// Work of one step, counted in units of about ten copied bytes: what actions evaluate, set and send. An action beyond it is
/// undone, and the step yields before it; an action that needs more than all of it fails with the code `limit.work`.
pub const WORK_PER_STEP: u64 = 1_000_000;
/// Notes of one step. A last note, `notes_dropped`, counts further ones.
pub const NOTES_PER_STEP: usize = 256;
/// Bytes of one option's text after evaluation.
pub const TEXT: usize = 16 * 1024;
/// Parts of a variable's name, separated by dots: each is an object in the one before.
pub const NAME_PARTS: usize = 8;
/// Messages of one `message_send`.
pub const DESTINATIONS: usize = 100;
