//! What a check found, how bad it is, and what to do about it.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Ok,
    /// It works, and something will cost time or data one day.
    Warn,
    /// It does not work, or loses data.
    Fail,
}

#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What was looked at: `redis memory`, `members`.
    pub check: &'static str,
    pub severity: Severity,
    pub found: String,
    /// What to do; empty when there is nothing.
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
