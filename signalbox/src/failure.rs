//! Failures of commands: wrong usage (flags and settings, exit code 2) or a failed operation (exit code 1).

use common::printable;
use common::{BusError, StoreError};
use std::fmt;
use std::io::Write;
use std::process::ExitCode;

#[derive(Debug)]
pub enum Failure {
    /// A flag, an address or a setting is invalid.
    Usage(String),
    /// The operation failed.
    Failed(String),
    /// The operation failed, and its errors are already printed.
    Reported,
}

impl Failure {
    pub fn usage(what: impl Into<String>) -> Failure {
        Failure::Usage(what.into())
    }

    pub fn failed(what: impl Into<String>) -> Failure {
        Failure::Failed(what.into())
    }

    /// Prints the failure to stderr and returns the exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Failure::Reported => {}
            Failure::Usage(what) | Failure::Failed(what) => {
                // If stderr is closed, the message is lost.
                let _ = writeln!(std::io::stderr(), "error: {}", printable::lines(what));
            }
        }
        ExitCode::from(if matches!(self, Failure::Usage(_)) { 2 } else { 1 })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(what) | Failure::Failed(what) => f.write_str(what),
            Failure::Reported => f.write_str("see above"),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Failed(error.to_string())
    }
}

impl From<BusError> for Failure {
    fn from(error: BusError) -> Failure {
        Failure::Failed(error.to_string())
    }
}

/// Joins sentences, one per line.
pub fn lines(sentences: &[String]) -> String {
    sentences.join("\n       ")
}
