//! Words for the records of a data folder, by their keys.

use super::{bus, store};

/// What the record under this key is, for people.
pub fn describe(key: &[u8]) -> String {
    match key.first() {
        Some(b's') => store::describe(key),
        Some(b'b') => bus::describe(key),
        _ => None,
    }
    .unwrap_or_else(|| "a record that this version does not know".to_owned())
}
