//! Limits of one activeflow. Exceeding one of the first five ends it with the reason `limit.<name>`.

/// Executed actions.
pub const ACTIONS: u32 = 10_000;
/// Nested frames: the main flow and the subroutines above it.
pub const DEPTH: usize = 32;
/// Executions of the same action without an input in between.
pub const LOOP: u32 = 1_000;
/// Bytes of variables and results of all frames, as JSON.
pub const VARIABLES: usize = 64 * 1024;
/// Lifetime since the first input, in milliseconds: 30 days.
pub const LIFETIME_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// Actions in one step; then the step yields.
pub const ACTIONS_PER_STEP: u32 = 256;
/// Notes of one step; a last one, `notes_dropped`, counts the others.
pub const NOTES_PER_STEP: usize = 256;
/// Bytes of the evaluated text of one option.
pub const TEXT: usize = 16 * 1024;
/// Messages of one `message_send`.
pub const DESTINATIONS: usize = 100;
