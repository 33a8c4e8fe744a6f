//! Where a client is in the feeds of all shards, as the opaque `id` of an event.

use common::identity::hex;
use std::cmp::Ordering;
use std::fmt::Write;

/// A position in one feed, so that positions compare. Stores write them as a number, or two with a dash between; what
/// they wrote comes out again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    number: u64,
    /// Digits of `number` as it was written; 0: before the first entry.
    digits: u8,
    second: Option<u64>,
}

impl Place {
    /// `None` for what no store writes.
    pub fn read(text: &str) -> Option<Place> {
        if text.is_empty() {
            return Some(Place::default());
        }
        let (number, second) = match text.split_once('-') {
            Some((number, second)) => (number, Some(second.parse().ok()?)),
            None => (text, None),
        };
        let digits =
            u8::try_from(number.len()).ok().filter(|_| number.bytes().all(|b| b.is_ascii_digit()))?;
        Some(Place { number: number.parse().ok()?, digits, second })
    }

    /// As the store wrote it.
    pub fn text(self) -> String {
        let Place { number, digits, second } = self;
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

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Place) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Place) -> Ordering {
        let key = |place: &Place| (place.digits > 0, place.number, place.second, place.digits);
        key(self).cmp(&key(other))
    }
}

/// A place in every shard's feed, by the shard's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places(pub Vec<Place>);

const HAS_SECOND: u8 = 0x80;

impl Places {
    /// Hexadecimal. Numbers of one moment are near each other, so only the steps between them are written.
    pub fn id(&self) -> String {
        let mut bytes = Vec::with_capacity(self.0.len() * 6);
        let mut before = 0u64;
        for place in &self.0 {
            bytes.push(place.digits | if place.second.is_some() { HAS_SECOND } else { 0 });
            if place.digits > 0 {
                let step = place.number.wrapping_sub(before) as i64;
                put(&mut bytes, ((step << 1) ^ (step >> 63)) as u64);
                before = place.number;
            }
            if let Some(second) = place.second {
                put(&mut bytes, second);
            }
        }
        hex(&bytes)
    }

    /// `None` for what [`Places::id`] did not make, or made for another number of shards.
    pub fn read(id: &str, shards: usize) -> Option<Places> {
        let digits: Option<Vec<u8>> =
            id.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
        let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
        let mut bytes = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]);
        let mut places = Vec::new();
        let mut before = 0u64;
        while let Some(head) = bytes.next() {
            let digits = head & !HAS_SECOND;
            if digits > 0 {
                let step = take(&mut bytes)?;
                before = before.wrapping_add((step >> 1) ^ (step & 1).wrapping_neg());
            }
            let second = if head & HAS_SECOND != 0 { Some(take(&mut bytes)?) } else { None };
            places.push(Place { number: if digits > 0 { before } else { 0 }, digits, second });
        }
        (places.len() == shards).then_some(Places(places))
    }
}

/// Seven bits a byte, the lowest first.
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
    fn what_a_store_wrote_comes_out_again() {
        for text in
            ["", "00000000000000000012", "7", "1795323600012-0", "1795323600012-17", "18446744073709551615"]
        {
            assert_eq!(Place::read(text).unwrap().text(), text);
        }
        for wrong in ["x", "1-x", "-1", "1-", "+1", "99999999999999999999", "1 "] {
            assert_eq!(Place::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn places_compare_as_numbers_do() {
        let mut grow: Vec<Place> = ["", "0-1", "9-9", "9-10", "10-0", "1795323600012-2", "1795323600012-11"]
            .map(|text| Place::read(text).unwrap())
            .into();
        let sorted = grow.clone();
        grow.reverse();
        grow.sort();
        assert_eq!(grow, sorted);
    }

    #[test]
    fn an_id_is_short_and_read_back() {
        let shard = |n: u64| match n {
            3 => Place::default(),
            n => Place::read(&format!("{}-{}", 1_795_323_600_012 + n * 7_001 % 40_000, n % 3)).unwrap(),
        };
        let redis = Places((0..16).map(shard).collect());
        let memory = Places((0..16).map(|n| Place::read(&format!("{:020}", n * 37 % 11)).unwrap()).collect());
        let ends = Places(vec![Place::read("18446744073709551615").unwrap(), Place::read("0").unwrap()]);
        for places in [redis, memory, ends] {
            let id = places.id();
            assert!(id.len() < 160, "{} characters: {id}", id.len());
            assert_eq!(Places::read(&id, places.0.len()), Some(places.clone()));
            assert_eq!(Places::read(&id, places.0.len() + 1), None);
        }
    }

    #[test]
    fn what_is_no_id_is_not_read() {
        for wrong in ["zz", "0", "ff", "81", "\u{e4}\u{e4}", "0d8080808080808080808080"] {
            assert_eq!(Places::read(wrong, 1), None, "{wrong}");
        }
    }
}
