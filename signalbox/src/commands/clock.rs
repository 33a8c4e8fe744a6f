//! The clock of this machine, and times relative to it.

use crate::output::text;
use flow::Timestamp;
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

const UNITS: [(&str, i64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Current time of this machine.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// `5m ago`, `in 2h`: a time of the API for a table. JSON has the exact one.
pub fn when(value: &Value) -> String {
    relative(value, now()).unwrap_or_else(|| text(value))
}

/// `2026-11-27T12:00:00Z (5m ago)`.
pub fn exact_and_relative(value: &Value) -> String {
    match relative(value, now()) {
        Some(relative) => format!("{} ({relative})", text(value)),
        None => text(value),
    }
}

fn relative(value: &Value, now: Timestamp) -> Option<String> {
    let time: Timestamp = value.as_str()?.parse().ok()?;
    let seconds = now.micros_since(time) / 1_000_000;
    let largest = UNITS.into_iter().find(|(_, length)| seconds.abs() >= *length);
    let Some((unit, length)) = largest else { return Some("now".to_owned()) };
    let count = seconds.abs() / length;
    Some(if seconds < 0 { format!("in {count}{unit}") } else { format!("{count}{unit} ago") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_relative_in_their_largest_unit() {
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        let shown = |time: &str| relative(&json!(time), now);
        for (time, expected) in [
            ("2026-11-27T11:59:58Z", "2s ago"),
            ("2026-11-27T11:01:00Z", "59m ago"),
            ("2026-11-27T09:59:59Z", "2h ago"),
            ("2026-11-20T12:00:00Z", "7d ago"),
            ("2026-11-27T13:30:00Z", "in 1h"),
            ("2026-11-27T12:00:00.4Z", "now"),
        ] {
            assert_eq!(shown(time).as_deref(), Some(expected), "{time}");
        }
        assert_eq!((relative(&Value::Null, now), shown("soon")), (None, None));
        assert_eq!(when(&Value::Null), "-");
    }
}
