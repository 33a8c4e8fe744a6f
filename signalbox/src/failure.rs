//! How a command fails: wrong usage (exit code 2: flags and settings, before anything was tried) or failed (1).

use common::{BusError, StoreError};
use std::fmt;
use std::io::Write;
use std::process::ExitCode;

#[derive(Debug)]
pub enum Failure {
    /// What the caller wrote cannot be meant: a flag, an address, a setting.
    Usage(String),
    /// What was asked for did not work out.
    Failed(String),
    /// The same, and everything about it has been printed already.
    Reported,
}

impl Failure {
    pub fn usage(what: impl Into<String>) -> Failure {
        Failure::Usage(what.into())
    }

    pub fn failed(what: impl Into<String>) -> Failure {
        Failure::Failed(what.into())
    }

    /// Says it on stderr and answers with the exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Failure::Reported => {}
            Failure::Usage(what) | Failure::Failed(what) => {
                // A closed stderr is nobody to tell.
                let _ = writeln!(std::io::stderr(), "error: {what}");
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

/// Several sentences, one a line.
pub fn lines(sentences: &[String]) -> String {
    sentences.join("\n       ")
}
