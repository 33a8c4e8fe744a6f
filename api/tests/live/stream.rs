//! A client of server-sent events.

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Response, StatusCode};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use serde_json::Value;
use std::time::Duration;

pub const SOON: Duration = Duration::from_secs(20);

/// A block of the stream: an event, or only a comment or an id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    pub event: String,
    pub id: String,
    pub data: String,
    pub comment: String,
}

impl Block {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|e| panic!("{self:?}: {e}"))
    }

    /// Name, and a field of the data.
    pub fn event_and(&self, field: &str) -> (String, String) {
        (self.event.clone(), self.json()[field].as_str().unwrap_or_default().to_owned())
    }
}

pub struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    pub fn of(response: Response<Body>) -> Stream {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next block; `None` at the end.
    pub async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let mut read = Block::default();
                for line in block.lines() {
                    let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("a line is {line:?}"));
                    match name {
                        "event" => read.event = value.into(),
                        "id" => read.id = value.into(),
                        "data" => {
                            assert!(read.data.is_empty(), "data is one line: {block}");
                            read.data = value.into();
                        }
                        "" => read.comment = value.into(),
                        name => panic!("{name} is no field of server-sent events"),
                    }
                }
                self.text = rest.to_owned();
                return Some(read);
            }
            let next = tokio::time::timeout(SOON, self.body.next()).await;
            let bytes = next.expect("something comes soon")?.expect("a stream does not fail");
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The next event; comments and ids are passed over.
    pub async fn event(&mut self) -> Block {
        loop {
            let block = self.block().await.expect("the stream goes on");
            if !block.event.is_empty() {
                return block;
            }
        }
    }

    /// Everything up to the first event that fits.
    pub async fn until(&mut self, fits: impl Fn(&Block) -> bool) -> Vec<Block> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await;
            let is_last = fits(&event);
            events.push(event);
            if is_last {
                return events;
            }
        }
    }

    /// The comments up to the end.
    pub async fn last_words(&mut self) -> Vec<String> {
        let mut comments = Vec::new();
        while let Some(block) = self.block().await {
            assert_eq!(block.event, "", "{block:?}");
            comments.push(block.comment);
        }
        comments
    }
}

/// A refusal in full.
pub async fn is_problem(response: Response<Body>, status: u16, code: &str, says: &str) -> HeaderMap {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((parts.status.as_u16(), problem["code"].as_str()), (status, Some(code)), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    parts.headers
}
