//! One message for `signalbox.events`, as `interface.md` describes it.

use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A message ready to be published, and published again, byte for byte the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub routing_key: String,
    pub message_id: String,
    /// Header `reference`: the subject.
    pub reference: String,
    pub body: Vec<u8>,
}

impl Outgoing {
    /// An event of now.
    pub fn event(source: &str, id: &str, kind: &str, subject: &str, data: Value) -> Outgoing {
        Outgoing::event_at(source, id, kind, subject, &now(), data)
    }

    /// An event that happened at `time` (RFC 3339).
    pub fn event_at(source: &str, id: &str, kind: &str, subject: &str, time: &str, data: Value) -> Outgoing {
        let body = json!({
            "specversion": "1.0", "id": id, "source": source, "type": kind, "subject": subject,
            "time": time, "datacontenttype": "application/json", "data": data,
        });
        Outgoing::raw(id, kind, subject, body.to_string().into_bytes())
    }

    /// Whatever a broken system may send.
    pub fn raw(id: &str, kind: &str, subject: &str, body: Vec<u8>) -> Outgoing {
        Outgoing { routing_key: kind.into(), message_id: id.into(), reference: subject.into(), body }
    }
}

/// The present in RFC 3339, UTC.
pub fn now() -> String {
    at(SystemTime::now())
}

/// The present moved by `seconds`.
pub fn now_plus(seconds: i64) -> String {
    let by = Duration::from_secs(seconds.unsigned_abs());
    let now = SystemTime::now();
    at(if seconds < 0 { now - by } else { now + by })
}

fn at(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = ((since.as_secs() / 86_400) as i64, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

/// Days since 1970 to a date of the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let text = |seconds| at(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_827_696), "2000-02-29T12:34:56.000Z");
        assert_eq!(text(1_795_323_600), "2026-11-22T05:00:00.000Z");
    }
}
