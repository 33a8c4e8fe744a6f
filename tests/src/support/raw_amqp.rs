//! A publisher that writes AMQP 0-9-1 itself: the client libraries do not send what is not UTF-8.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
const FRAME_END: u8 = 0xce;

/// Properties of a message, by their place in the content header.
#[derive(Clone, Debug, Default)]
pub struct RawProperties(Vec<(u8, Vec<u8>)>);

/// Places of the short strings in the content header.
pub const SHORT_PROPERTIES: [(&str, u8); 10] = [
    ("content_type", 0),
    ("content_encoding", 1),
    ("correlation_id", 5),
    ("reply_to", 6),
    ("expiration", 7),
    ("message_id", 8),
    ("type", 10),
    ("user_id", 11),
    ("app_id", 12),
    ("cluster_id", 13),
];

impl RawProperties {
    #[must_use]
    pub fn with_short(mut self, place: u8, text: &[u8]) -> RawProperties {
        self.0.push((place, short(text)));
        self
    }

    /// Headers: an encoded field table without its length.
    #[must_use]
    pub fn with_headers(mut self, table: &[u8]) -> RawProperties {
        self.0.push((2, long(table)));
        self
    }

    fn encoded(&self) -> Vec<u8> {
        let mut sorted = self.0.clone();
        sorted.push((3, vec![2]));
        sorted.sort();
        let flags = sorted.iter().fold(0_u16, |flags, (place, _)| flags | 0x8000 >> place);
        let mut bytes = flags.to_be_bytes().to_vec();
        sorted.into_iter().for_each(|(_, value)| bytes.extend(value));
        bytes
    }
}

pub struct RawPublisher {
    stream: TcpStream,
}

impl RawPublisher {
    /// Connects as `guest`, with one channel that confirms.
    pub fn connect(port: u16) -> RawPublisher {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a read timeout");
        let mut publisher = RawPublisher { stream };
        publisher.stream.write_all(b"AMQP\x00\x00\x09\x01").expect("a protocol header");
        publisher.expect([10, 10]);
        let start =
            [long(b"").as_slice(), &short(b"PLAIN"), &long(b"\0guest\0guest"), &short(b"en_US")].concat();
        publisher.method(0, [10, 11], &start);
        let mut tune = publisher.expect([10, 30]);
        // No heartbeats.
        let length = tune.len();
        tune[length - 2..].fill(0);
        publisher.method(0, [10, 31], &tune);
        publisher.method(0, [10, 40], &[short(b"/"), short(b""), vec![0]].concat());
        publisher.expect([10, 41]);
        publisher.call([20, 10], &short(b""), [20, 11]);
        publisher.call([85, 10], &[0], [85, 11]);
        publisher
    }

    /// Publishes, and waits for the confirm.
    pub fn publish(&mut self, exchange: &[u8], key: &[u8], properties: &RawProperties, body: &[u8]) {
        let publish = [[0, 0].as_slice(), &short(exchange), &short(key), &[0]].concat();
        self.method(1, [60, 40], &publish);
        let size = (body.len() as u64).to_be_bytes();
        let header = [[0, 60, 0, 0].as_slice(), &size, &properties.encoded()].concat();
        self.frame(HEADER, 1, &header);
        if !body.is_empty() {
            self.frame(BODY, 1, body);
        }
        self.expect([60, 80]);
    }

    /// Declares an exchange that the broker refuses, and returns its text. The connection is closed then.
    pub fn refused_exchange(&mut self, name: &[u8]) -> String {
        let declare = [[0, 0].as_slice(), &short(name), &short(b"fanout"), &[0], &long(b"")].concat();
        self.method(1, [40, 10], &declare);
        let arguments = self.expect([10, 50]);
        let text = &arguments[3..3 + usize::from(arguments[2])];
        String::from_utf8_lossy(text).into_owned()
    }

    fn call(&mut self, id: [u8; 2], arguments: &[u8], answer: [u8; 2]) {
        self.method(1, id, arguments);
        self.expect(answer);
    }

    fn method(&mut self, channel: u8, [class, method]: [u8; 2], arguments: &[u8]) {
        self.frame(METHOD, channel, &[[0, class, 0, method].as_slice(), arguments].concat());
    }

    fn frame(&mut self, kind: u8, channel: u8, payload: &[u8]) {
        let frame = [[kind, 0, channel].as_slice(), &long(payload), &[FRAME_END]].concat();
        self.stream.write_all(&frame).expect("a frame is written");
    }

    /// The arguments of the next method, which must be this one.
    fn expect(&mut self, [class, method]: [u8; 2]) -> Vec<u8> {
        loop {
            let mut head = [0; 7];
            self.stream.read_exact(&mut head).expect("a frame");
            let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
            let mut rest = vec![0; size + 1];
            self.stream.read_exact(&mut rest).expect("a whole frame");
            rest.pop();
            if head[0] == HEARTBEAT {
                continue;
            }
            let (id, arguments) = rest.split_at(4);
            assert_eq!(id, [0, class, 0, method], "{}", String::from_utf8_lossy(arguments));
            return arguments.to_vec();
        }
    }
}

pub fn short(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("at most 255 bytes");
    [&[length], text].concat()
}

pub fn long(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("at most 4 GiB");
    [&length.to_be_bytes(), bytes].concat()
}
