//! Findings: the result of a check, its severity, and advice.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Ok,
    /// It works, but may cost time or data.
    Warn,
    /// It does not work, or it loses data.
    Fail,
}

#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Name of the check: `redis memory`, `members`.
    pub check: &'static str,
    pub severity: Severity,
    pub found: String,
    /// Recommended action; empty if none is needed.
    pub advice: String,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Ok => "ok",
            Severity::Warn => "warn",
            Severity::Fail => "fail",
        }
    }
}

pub fn ok(check: &'static str, found: impl Into<String>) -> Finding {
    Finding { check, severity: Severity::Ok, found: found.into(), advice: String::new() }
}

pub fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { check, severity: Severity::Warn, found: found.into(), advice: advice.into() }
}

pub fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { check, severity: Severity::Fail, found: found.into(), advice: advice.into() }
}

pub fn mib(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mib if mib >= 10_240 => format!("{} GiB", mib >> 10),
        mib => format!("{mib} MiB"),
    }
}

pub fn millis(span: std::time::Duration) -> String {
    format!("{:.1} ms", span.as_secs_f64() * 1_000.0)
}
