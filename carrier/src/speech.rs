//! The time that prompts take.

use crate::wire::Command;
use std::time::Duration;

/// Duration of one spoken letter.
pub const LETTER_MS: u64 = 65;
/// Duration of a recording that is played.
const RECORDING: Duration = Duration::from_secs(4);

/// Time that a prompt takes.
pub fn length(command: &Command) -> Duration {
    match command.text("text").chars().count() as u64 {
        0 => RECORDING,
        letters => Duration::from_millis(letters * LETTER_MS),
    }
}
