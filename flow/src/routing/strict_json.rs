//! A JSON reader for untrusted input: limited depth, no duplicate keys.

use super::malformed::{Malformed, MalformedReason, malformed};
use crate::json::shown;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::cell::RefCell;

/// Maximum nesting of objects and arrays.
pub const MAX_EVENT_DEPTH: usize = 32;
/// Magnitude from which a float does not hold every whole number.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, Malformed> {
    let reason = RefCell::new(MalformedReason::MalformedJson);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0, reason: &reason }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| malformed(*reason.borrow(), format!("the event cannot be read: {error}")))?;
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(malformed(
            MalformedReason::WrongType,
            format!("the event is {}, expected an object", shown(&other)),
        )),
    }
}

struct Strict<'a> {
    depth: usize,
    reason: &'a RefCell<MalformedReason>,
}

impl Strict<'_> {
    fn deeper<E: Error>(&self) -> Result<Strict<'_>, E> {
        if self.depth == MAX_EVENT_DEPTH {
            self.reason.replace(MalformedReason::TooDeep);
            return Err(E::custom(format!("it is nested deeper than {MAX_EVENT_DEPTH} levels")));
        }
        Ok(Strict { depth: self.depth + 1, reason: self.reason })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    /// A whole number beyond 64 bits comes here too, rounded.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        if value.abs() >= MAX_EXACT && value.fract() == 0.0 {
            self.reason.replace(MalformedReason::InexactNumber);
            return Err(E::custom(format!(
                "the number {value:.0} cannot be kept exactly; send it as a text"
            )));
        }
        Ok(Value::from(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self.deeper()?)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = entries.next_key_seed(std::marker::PhantomData::<String>)? {
            if fields.contains_key(&key) {
                self.reason.replace(MalformedReason::DuplicateKey);
                return Err(A::Error::custom(format!("the key {} occurs twice", shown(&key.into()))));
            }
            fields.insert(key, entries.next_value_seed(self.deeper()?)?);
        }
        Ok(Value::Object(fields))
    }
}
