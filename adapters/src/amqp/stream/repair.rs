//! Repairs one frame in place, so that its size stays the same.
//!
//! - Each byte that is not UTF-8 in a short string (property, routing key, name, header key) becomes [`SUBSTITUTE`].
//! - A table or an array below [`MAX_NESTING`] others becomes a byte array. Nothing reads such a header.
//!
//! What cannot be followed is left as it is.

/// ASCII SUBSTITUTE: stands for a byte that is not UTF-8.
pub const SUBSTITUTE: char = '\u{1a}';
/// Number of tables and arrays around a value. The broker's own `x-death` needs three.
const MAX_NESTING: usize = 8;

/// Arguments of a method, as far as they matter.
enum Argument {
    Text,
    Bytes(usize),
}

/// Repairs the payload of a method frame: all methods of a broker that contain short strings.
pub fn method(payload: &mut [u8]) {
    use Argument::{Bytes, Text};
    let mut reader = Reader(payload);
    let Some(id) = reader.take(4) else { return };
    let arguments: &[Argument] = match *id {
        // connection.close, connection.blocked, channel.close
        [0, 10, 0, 50] | [0, 20, 0, 40] => &[Bytes(2), Text],
        [0, 10, 0, 60] => &[Text],
        // queue.declare-ok
        [0, 50, 0, 11] => &[Text],
        // basic.consume-ok, basic.cancel, basic.cancel-ok
        [0, 60, 0, 21 | 30 | 31] => &[Text],
        // basic.return: code, text, exchange, routing key
        [0, 60, 0, 50] => &[Bytes(2), Text, Text, Text],
        // basic.deliver: consumer, tag, redelivered, exchange, routing key
        [0, 60, 0, 60] => &[Text, Bytes(8), Bytes(1), Text, Text],
        // basic.get-ok: tag, redelivered, exchange, routing key
        [0, 60, 0, 71] => &[Bytes(8), Bytes(1), Text, Text],
        _ => &[],
    };
    for argument in arguments {
        let read = match argument {
            Text => reader.text(),
            Bytes(count) => reader.take(*count).map(|_| ()),
        };
        if read.is_none() {
            return;
        }
    }
}

/// Repairs the payload of a content header frame: the properties of a message.
pub fn header(payload: &mut [u8]) {
    let _ = Reader(payload).properties();
}

/// The bytes that are not read yet.
struct Reader<'a>(&'a mut [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a mut [u8]> {
        let (taken, rest) = std::mem::take(&mut self.0).split_at_mut_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn long(&mut self) -> Option<usize> {
        let bytes: [u8; 4] = self.take(4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes) as usize)
    }

    fn text(&mut self) -> Option<()> {
        let length = self.byte()?;
        substitute(self.take(length.into())?);
        Some(())
    }

    /// Class, weight, body size, flags; then each property whose flag is set, from the highest bit on.
    fn properties(&mut self) -> Option<()> {
        self.take(2 + 2 + 8)?;
        let flags: [u8; 2] = self.take(2)?.try_into().ok()?;
        let flags = u16::from_be_bytes(flags);
        for property in 0..14 {
            if flags & (0x8000 >> property) == 0 {
                continue;
            }
            match property {
                // headers
                2 => self.table(MAX_NESTING)?,
                // delivery mode, priority
                3 | 4 => self.take(1).map(|_| ())?,
                // timestamp
                9 => self.take(8).map(|_| ())?,
                _ => self.text()?,
            }
        }
        Some(())
    }

    fn table(&mut self, levels: usize) -> Option<()> {
        let length = self.long()?;
        let mut entries = Reader(self.take(length)?);
        while !entries.0.is_empty() {
            entries.text()?;
            entries.value(levels)?;
        }
        Some(())
    }

    fn array(&mut self, levels: usize) -> Option<()> {
        let length = self.long()?;
        let mut items = Reader(self.take(length)?);
        while !items.0.is_empty() {
            items.value(levels)?;
        }
        Some(())
    }

    /// `levels`: how many tables and arrays may still be entered.
    fn value(&mut self, levels: usize) -> Option<()> {
        let kind = self.take(1)?;
        if levels == 0 && matches!(kind[0], b'F' | b'A') {
            kind[0] = b'x';
        }
        let bytes = match kind[0] {
            b'F' => return self.table(levels - 1),
            b'A' => return self.array(levels - 1),
            b'S' | b'x' => self.long()?,
            b'V' => 0,
            b't' | b'b' | b'B' => 1,
            b's' | b'u' | b'U' => 2,
            b'i' | b'I' | b'f' => 4,
            b'D' => 5,
            b'l' | b'L' | b'd' | b'T' => 8,
            _ => return None,
        };
        self.take(bytes).map(|_| ())
    }
}

fn substitute(bytes: &mut [u8]) {
    let mut checked = 0;
    while let Err(error) = std::str::from_utf8(&bytes[checked..]) {
        let from = checked + error.valid_up_to();
        let to = error.error_len().map_or(bytes.len(), |length| from + length);
        bytes[from..to].fill(SUBSTITUTE as u8);
        checked = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(text: &[u8]) -> Vec<u8> {
        [&[u8::try_from(text.len()).unwrap()], text].concat()
    }

    fn long(bytes: &[u8]) -> Vec<u8> {
        [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
    }

    fn repaired(mut payload: Vec<u8>, repair: fn(&mut [u8])) -> Vec<u8> {
        repair(&mut payload);
        payload
    }

    fn headers(table: &[u8]) -> Vec<u8> {
        [[0, 60, 0, 0].as_slice(), &[0; 8], &[0x20, 0], &long(table)].concat()
    }

    #[test]
    fn bytes_that_are_not_text_are_substituted_one_by_one() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"plain", b"plain"),
            ("größe".as_bytes(), "größe".as_bytes()),
            (b"caf\xe9", b"caf\x1a"),
            (b"\xff\xfe\xfd", b"\x1a\x1a\x1a"),
            (b"a\xe2\x82", b"a\x1a\x1a"),
            (b"\xed\xa0\x80b", b"\x1a\x1a\x1ab"),
        ];
        for (given, wanted) in cases {
            let mut bytes = given.to_vec();
            substitute(&mut bytes);
            assert_eq!(bytes, wanted);
        }
    }

    #[test]
    fn every_property_is_reached() {
        let all = |text: &[u8], key: &[u8]| {
            let headers = [short(key).as_slice(), b"S", &long(b"\xff stays")].concat();
            let text = short(text);
            [
                [0, 60, 0, 0].as_slice(),
                &[0; 8],
                &[0xff, 0xfc],
                &text,
                &text,
                &long(&headers),
                &[2, 5],
                &text,
                &text,
                &text,
                &text,
                &[0; 8],
                &text,
                &text,
                &text,
                &text,
            ]
            .concat()
        };
        assert_eq!(repaired(all(b"a\xff", b"k\xff"), header), all(b"a\x1a", b"k\x1a"));
    }

    #[test]
    fn every_type_of_a_header_is_passed() {
        let table = |last: &[u8]| {
            let mut table = Vec::new();
            for (kind, size) in crate::amqp::stream::fuzz::FIXED {
                table.extend([short(b"key"), vec![kind], vec![0xff; size]].concat());
            }
            table.extend([short(b"key"), b"x".to_vec(), long(b"\xff"), short(last), b"V".to_vec()].concat());
            headers(&table)
        };
        assert_eq!(repaired(table(b"\xff"), header), table(b"\x1a"));
    }

    #[test]
    fn deep_nesting_ends_in_a_byte_array() {
        for kind in [b'A', b'F'] {
            let mut value = b"V".to_vec();
            for _ in 0..10_000 {
                let key = if kind == b'F' { short(b"") } else { Vec::new() };
                value = [&[kind], long(&[key, value].concat()).as_slice()].concat();
            }
            let payload = headers(&[short(b"deep"), value].concat());
            let repaired = repaired(payload.clone(), header);
            let changed: Vec<_> = payload.iter().zip(&repaired).filter(|(a, b)| a != b).collect();
            assert_eq!(changed, [(&kind, &b'x')]);
        }
    }

    #[test]
    fn deliveries_and_answers_are_repaired() {
        let (bad, good) = (short(b"a\xff"), short(b"a\x1a"));
        let methods = |text: &[u8]| {
            [
                [[0, 60, 0, 60].as_slice(), &short(b"ctag"), &[0; 9], text, text].concat(),
                [[0, 60, 0, 71].as_slice(), &[0; 9], text, text, &[0; 4]].concat(),
                [[0, 60, 0, 50].as_slice(), &[0; 2], text, text, text].concat(),
                [[0, 20, 0, 40].as_slice(), &[0; 2], text, &[0; 4]].concat(),
                [[0, 10, 0, 60].as_slice(), text].concat(),
                [[0, 50, 0, 11].as_slice(), text, &[0; 8]].concat(),
            ]
        };
        for (sent, wanted) in methods(&bad).into_iter().zip(methods(&good)) {
            assert_eq!(repaired(sent, method), wanted);
        }
    }

    /// A frame from outside is cut anywhere, and any byte may be anything.
    #[test]
    fn damaged_frames_do_no_harm() {
        let table = [short(b"k"), b"A".to_vec(), long(b"VVS\0\0\0\x01a")].concat();
        let whole = headers(&table);
        for cut in 0..whole.len() {
            repaired(whole[..cut].to_vec(), header);
            repaired(whole[..cut].to_vec(), method);
            for byte in [0, 1, 0x7f, 0xff] {
                let mut payload = whole.clone();
                payload[cut] = byte;
                repaired(payload, header);
            }
        }
    }
}
