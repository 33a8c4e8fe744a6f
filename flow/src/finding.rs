//! What is wrong with a flow document, where, and what to do about it.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// One finding. `line` and `column` count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable, for example `SBX0101`.
    pub code: String,
    pub severity: Severity,
    /// JSON pointer (RFC 6901) into the document.
    pub pointer: String,
    pub line: u32,
    pub column: u32,
    /// What is wrong, with both values.
    pub what: String,
    /// What to do.
    pub help: String,
}
