//! A client's offsets in the feeds of all shards, encoded as the opaque `id` of an event.

use common::identity::hex;
use std::cmp::Ordering;
use std::fmt::Write;

/// A comparable position in one feed. Stores write a position as a number, or as two numbers separated by a dash; [`FeedOffset::text`] returns
/// exactly that text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedOffset {
    number: u64,
    /// Number of digits that the store wrote; 0 means before the first entry.
    digits: u8,
    second: Option<u64>,
}

impl FeedOffset {
    /// Returns `None` if the text is not a position.
    pub fn read(text: &str) -> Option<FeedOffset> {
        if text.is_empty() {
            return Some(FeedOffset::default());
        }
        let (number, second) = match text.split_once('-') {
            Some((number, second)) => (number, Some(second.parse().ok()?)),
            None => (text, None),
        };
        let digits =
            u8::try_from(number.len()).ok().filter(|_| number.bytes().all(|b| b.is_ascii_digit()))?;
        Some(FeedOffset { number: number.parse().ok()?, digits, second })
    }

    /// The text that the store wrote.
    pub fn text(self) -> String {
        let FeedOffset { number, digits, second } = self;
        let mut text = String::new();
        if digits > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "{number:0width$}", width = usize::from(digits));
        }
        if let Some(second) = second {
            let _ = write!(text, "-{second}");
        }
        text
    }

    pub fn is_before_all(self) -> bool {
        self.digits == 0
    }
}

impl PartialOrd for FeedOffset {
    fn partial_cmp(&self, other: &FeedOffset) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FeedOffset {
    fn cmp(&self, other: &FeedOffset) -> Ordering {
        let key = |offset: &FeedOffset| (offset.digits > 0, offset.number, offset.second, offset.digits);
        key(self).cmp(&key(other))
    }
}

/// One offset per shard, by the shard's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedOffsets(pub Vec<FeedOffset>);

const HAS_SECOND: u8 = 0x80;

impl FeedOffsets {
    /// Hexadecimal text. Neighbouring numbers are close to each other, so only their differences are written.
    pub fn id(&self) -> String {
        let mut bytes = Vec::with_capacity(self.0.len() * 6);
        let mut previous = 0u64;
        for offset in &self.0 {
            bytes.push(offset.digits | if offset.second.is_some() { HAS_SECOND } else { 0 });
            if offset.digits > 0 {
                let step = offset.number.wrapping_sub(previous) as i64;
                put(&mut bytes, ((step << 1) ^ (step >> 63)) as u64);
                previous = offset.number;
            }
            if let Some(second) = offset.second {
                put(&mut bytes, second);
            }
        }
        hex(&bytes)
    }

    /// Returns `None` unless [`FeedOffsets::id`] wrote the text for this number of shards.
    pub fn read(id: &str, shards: usize) -> Option<FeedOffsets> {
        let digits: Option<Vec<u8>> =
            id.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
        let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
        let mut bytes = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]);
        let mut offsets = Vec::new();
        let mut previous = 0u64;
        while let Some(head) = bytes.next() {
            let digits = head & !HAS_SECOND;
            if digits > 0 {
                let step = take(&mut bytes)?;
                previous = previous.wrapping_add((step >> 1) ^ (step & 1).wrapping_neg());
            }
            let second = if head & HAS_SECOND != 0 { Some(take(&mut bytes)?) } else { None };
            offsets.push(FeedOffset { number: if digits > 0 { previous } else { 0 }, digits, second });
        }
        (offsets.len() == shards).then_some(FeedOffsets(offsets))
    }
}

/// Writes seven bits per byte, lowest first (LEB128).
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = bytes.next()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_store_is_read_and_written_back() {
        for text in
            ["", "00000000000000000012", "7", "1795323600012-0", "1795323600012-17", "18446744073709551615"]
        {
            assert_eq!(FeedOffset::read(text).unwrap().text(), text);
        }
        for wrong in ["x", "1-x", "-1", "1-", "+1", "99999999999999999999", "1 "] {
            assert_eq!(FeedOffset::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn offsets_compare_as_numbers() {
        let mut grow: Vec<FeedOffset> =
            ["", "0-1", "9-9", "9-10", "10-0", "1795323600012-2", "1795323600012-11"]
                .map(|text| FeedOffset::read(text).unwrap())
                .into();
        let sorted = grow.clone();
        grow.reverse();
        grow.sort();
        assert_eq!(grow, sorted);
    }

    #[test]
    fn an_id_is_short_and_read_back() {
        let shard = |n: u64| match n {
            3 => FeedOffset::default(),
            n => FeedOffset::read(&format!("{}-{}", 1_795_323_600_012 + n * 7_001 % 40_000, n % 3)).unwrap(),
        };
        let redis = FeedOffsets((0..16).map(shard).collect());
        let memory = FeedOffsets(
            (0..16).map(|n| FeedOffset::read(&format!("{:020}", n * 37 % 11)).unwrap()).collect(),
        );
        let ends = FeedOffsets(vec![
            FeedOffset::read("18446744073709551615").unwrap(),
            FeedOffset::read("0").unwrap(),
        ]);
        for offsets in [redis, memory, ends] {
            let id = offsets.id();
            assert!(id.len() < 160, "{} characters: {id}", id.len());
            assert_eq!(FeedOffsets::read(&id, offsets.0.len()), Some(offsets.clone()));
            assert_eq!(FeedOffsets::read(&id, offsets.0.len() + 1), None);
        }
    }

    #[test]
    fn an_invalid_id_is_not_read() {
        for wrong in ["zz", "0", "ff", "81", "\u{e4}\u{e4}", "0d8080808080808080808080"] {
            assert_eq!(FeedOffsets::read(wrong, 1), None, "{wrong}");
        }
    }
}
