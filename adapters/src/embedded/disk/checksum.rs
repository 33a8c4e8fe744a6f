//! Checksums of records. They find damage, not tampering.

use super::error::Unreadable;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Checksum of a record. It covers the key, so that a value under a wrong key is found too.
pub fn checksum(key: &[u8], value: &[u8]) -> i64 {
    xxh3_64_with_seed(value, xxh3_64(key)).cast_signed()
}

/// A record without a checksum was written by an earlier version, and is accepted.
///
/// # Errors
/// The record is not the one that was written.
pub fn verify(key: &[u8], value: &[u8], stored: Option<i64>) -> Result<(), Unreadable> {
    match stored {
        Some(stored) if stored != checksum(key, value) => Err(Unreadable::Damaged {
            what: format!("its checksum does not match its {} bytes", value.len()),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another function would make every stored record a damaged one.
    #[test]
    fn the_checksum_of_a_record_stays_the_same() {
        assert_eq!(checksum(b"key", b"value"), STORED);
        assert!(verify(b"key", b"value", Some(STORED)).is_ok() && verify(b"key", b"value", None).is_ok());
        for (key, value) in [(&b"key"[..], &b"valuf"[..]), (b"kez", b"value"), (b"keyv", b"alue")] {
            assert!(verify(key, value, Some(STORED)).is_err());
        }
    }

    const STORED: i64 = -5_647_567_288_328_449_650;
}
