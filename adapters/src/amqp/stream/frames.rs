//! Splits the bytes of a broker into frames: kind, channel, size, payload, end mark.

use super::repair;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const HEARTBEAT: u8 = 8;
const HEAD_BYTES: usize = 7;
/// Maximum size of a frame that is held back until it is complete. RabbitMQ's own limit is 128 KiB, unless it is changed.
const MAX_HELD_BYTES: usize = 1 << 20;

/// Bytes that were received and not read. A method or a content header is held back until it is complete and repaired;
/// everything else passes as it arrives.
#[derive(Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Number of bytes that were read.
    read: usize,
    /// Number of bytes that may be read.
    ready: usize,
    /// Rest of a frame that passes.
    passing: usize,
    /// The peer does not speak AMQP: everything passes.
    is_foreign: bool,
}

impl Frames {
    pub fn push(&mut self, received: &[u8]) {
        self.bytes.drain(..self.read);
        self.ready -= self.read;
        self.read = 0;
        self.bytes.extend_from_slice(received);
        while self.advance() {}
    }

    /// Reads what is ready. Returns the number of bytes.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(self.ready - self.read);
        buffer[..count].copy_from_slice(&self.bytes[self.read..self.read + count]);
        self.read += count;
        count
    }

    /// Makes the next bytes ready. Returns false if more have to arrive first.
    fn advance(&mut self) -> bool {
        let waiting = &mut self.bytes[self.ready..];
        if self.is_foreign || self.passing > 0 {
            let count = if self.is_foreign { waiting.len() } else { waiting.len().min(self.passing) };
            self.passing = self.passing.saturating_sub(count);
            self.ready += count;
            return count > 0;
        }
        let Some((&[kind, _, _, a, b, c, d], _)) = waiting.split_first_chunk::<HEAD_BYTES>() else {
            return false;
        };
        let size = u32::from_be_bytes([a, b, c, d]) as usize;
        let whole = HEAD_BYTES.saturating_add(size).saturating_add(1);
        match kind {
            METHOD | HEADER if whole <= MAX_HELD_BYTES => {
                let Some(frame) = waiting.get_mut(..whole) else { return false };
                let payload = &mut frame[HEAD_BYTES..whole - 1];
                if kind == METHOD {
                    repair::method(payload)
                } else {
                    repair::header(payload)
                }
                self.ready += whole;
            }
            1..=HEARTBEAT => self.passing = whole,
            _ => self.is_foreign = true,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [[kind, 0, 1].as_slice(), &size, payload, &[0xce]].concat()
    }

    /// `basic.cancel` with this consumer tag.
    fn cancel(tag: &[u8]) -> Vec<u8> {
        let length = u8::try_from(tag.len()).unwrap();
        frame(METHOD, &[[0, 60, 0, 30, length].as_slice(), tag, &[0]].concat())
    }

    fn through(chunks: &[&[u8]], window: usize) -> Vec<u8> {
        let (mut frames, mut read, mut buffer) = (Frames::default(), Vec::new(), vec![0; window]);
        for chunk in chunks {
            frames.push(chunk);
            loop {
                let count = frames.read(&mut buffer);
                read.extend_from_slice(&buffer[..count]);
                if count == 0 {
                    break;
                }
            }
        }
        read
    }

    #[test]
    fn frames_are_repaired_wherever_the_stream_is_cut() {
        let body = b"\xff\xfe of a body stays";
        let sent = [cancel(b"a\xffb"), frame(3, body), frame(8, b""), cancel(b"c")].concat();
        let wanted = [cancel(b"a\x1ab"), frame(3, body), frame(8, b""), cancel(b"c")].concat();
        for cut in 0..=sent.len() {
            for window in [1, 7, 1_000] {
                assert_eq!(through(&[&sent[..cut], &sent[cut..]], window), wanted, "cut at {cut}");
            }
        }
        let single: Vec<&[u8]> = sent.chunks(1).collect();
        assert_eq!(through(&single, 4), wanted);
    }

    #[test]
    fn only_a_complete_frame_is_read_and_a_body_passes_at_once() {
        let sent = cancel(b"abc");
        assert_eq!(through(&[&sent[..sent.len() - 1]], 100), b"");
        let body = frame(3, b"0123456789");
        assert_eq!(through(&[&body[..9]], 100), &body[..9]);
    }

    #[test]
    fn what_is_no_frame_passes() {
        assert_eq!(through(&[b"AMQP\0\0", b"\x09\x01\xff"], 100), b"AMQP\0\0\x09\x01\xff");
        let huge = frame(HEADER, &vec![0xff; MAX_HELD_BYTES]);
        assert_eq!(through(&[&huge], 1 << 16), huge);
    }
}
