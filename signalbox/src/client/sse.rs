//! Parser for server-sent events (HTML standard): one field per line, and an empty line ends a message.

use axum::body::Body;
use http_body_util::BodyExt;

/// One message of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub id: Option<String>,
    pub event: String,
    pub data: String,
}

/// An open stream.
pub struct Messages {
    body: Body,
    buffer: Vec<u8>,
    building: Message,
    last_id: Option<String>,
}

impl Messages {
    pub(super) fn new(body: Body) -> Messages {
        Messages { body, buffer: Vec::new(), building: Message::default(), last_id: None }
    }

    /// Id of the last message or keep-alive. The next stream continues after it.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// The next message; `None` at the end of the stream. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                let message = self.building.take_line(line.trim_end_matches(['\n', '\r']));
                if let Some(id) = message.as_ref().and_then(|message| message.id.as_ref()) {
                    self.last_id = Some(id.clone());
                }
                if let Some(message) = message.filter(|message| !message.data.is_empty()) {
                    return Some(message);
                }
            }
            let frame = self.body.frame().await?.ok()?;
            if let Some(bytes) = frame.data_ref() {
                self.buffer.extend_from_slice(bytes);
            }
        }
    }
}

impl Message {
    /// Reads one line. An empty line ends the message, even if it has only an id.
    fn take_line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            return Some(std::mem::take(self));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.event),
            "data" if self.data.is_empty() => value.clone_into(&mut self.data),
            "data" => {
                self.data.push('\n');
                self.data.push_str(value);
            }
            // Comments (keep-alive) and unknown fields.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_are_parsed_from_chunks_of_any_size() {
        let text = ": hello\n\nid: 7\nevent: command\ndata: {\"a\":\ndata: 1}\n\n: keep-alive\n\nid: 8\ndata:x\r\n\r\n";
        for size in [1, 3, 1_000] {
            let chunks: Vec<Result<Vec<u8>, std::io::Error>> =
                text.as_bytes().chunks(size).map(|chunk| Ok(chunk.to_vec())).collect();
            let mut messages = Messages::new(Body::from_stream(futures_util::stream::iter(chunks)));
            let first = messages.next().await.unwrap();
            assert_eq!((first.id.as_deref(), first.event.as_str()), (Some("7"), "command"));
            assert_eq!(first.data, "{\"a\":\n1}");
            let second = messages.next().await.unwrap();
            assert_eq!((second.id.as_deref(), second.data.as_str()), (Some("8"), "x"));
            assert_eq!(messages.next().await, None);
        }
    }
}
