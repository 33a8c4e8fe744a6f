//! Points in time: microseconds since the Unix epoch, UTC.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time, in microseconds since 1970-01-01T00:00:00Z. The text form is RFC 3339 with six decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    pub const fn as_micros(self) -> i64 {
        self.0
    }

    pub const fn plus_millis(self, ms: i64) -> Self {
        Timestamp(self.0.saturating_add(ms.saturating_mul(1_000)))
    }

    pub const fn plus_micros(self, us: i64) -> Self {
        Timestamp(self.0.saturating_add(us))
    }

    /// Microseconds from `earlier` to `self`; negative when `earlier` is later.
    pub const fn micros_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::str::FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed: jiff::Timestamp = text
            .parse()
            .map_err(|_| format!("`{text}` is not an RFC 3339 time such as 2026-11-22T05:00:00Z"))?;
        Ok(Timestamp(parsed.as_microsecond()))
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => write!(f, "{time:.6}"),
            Err(_) => write!(f, "out of range ({} us)", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Optional times as microseconds, in stored bytes.
pub(crate) mod micros {
    use super::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        time.map(Timestamp::as_micros).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Timestamp::from_micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back_keeps_microseconds() {
        let time: Timestamp = "2026-11-22T05:00:00.012345+01:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-22T04:00:00.012345Z");
    }

    #[test]
    fn moments_are_counted_in_microseconds_and_end_where_numbers_do() {
        let time = Timestamp::from_micros(7);
        assert_eq!(
            (time.as_micros(), time.plus_millis(2).as_micros(), time.plus_micros(-9).as_micros()),
            (7, 2_007, -2)
        );
        assert_eq!(
            (time.micros_since(time.plus_micros(3)), time.plus_millis(1).micros_since(time)),
            (-3, 1_000)
        );
        assert_eq!(time.plus_millis(i64::MAX).as_micros(), i64::MAX);
    }

    #[test]
    fn a_time_without_zone_is_refused_with_the_text() {
        assert!("2026-11-22 05:00".parse::<Timestamp>().unwrap_err().contains("`2026-11-22 05:00`"));
    }
}
