//! Over REST: `POST /v1/events`, and commands as server-sent events, acknowledged in batches.

use super::{Attempt, Link, Linked};
use crate::client::{Client, Messages, problem};
use crate::failure::Failure;
use crate::simulate::wire::Event;
use async_trait::async_trait;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Commands that were read and not yet taken.
const WINDOW: usize = 500;
/// How long acknowledgements gather.
const GATHER: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_millis(200);

struct Rest {
    client: Arc<Client>,
    queue: String,
    closing: CancellationToken,
    tasks: TaskTracker,
}

pub async fn open(client: Arc<Client>, queue: &str) -> Result<Linked, Failure> {
    let reader = Reader { client: client.clone(), queue: queue.to_owned() };
    let first = reader.listen().await?;
    let (taken, commands) = mpsc::channel(WINDOW);
    let closing = CancellationToken::new();
    let tasks = TaskTracker::new();
    tasks.spawn(reader.keep_reading(first, taken, closing.clone()));
    Ok(Linked { link: Arc::new(Rest { client, queue: queue.to_owned(), closing, tasks }), commands })
}

#[async_trait]
impl Link for Rest {
    async fn send(&self, event: &Event) -> Attempt {
        let body = event.body.clone().into_bytes();
        let answer = match self.client.ask(Method::POST, "/v1/events", Some(body)).await {
            Ok(answer) => answer,
            Err(failure) => return Attempt::Again(failure.to_string()),
        };
        let is_for_later = answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS;
        if answer.status.is_success() {
            let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            Attempt::Stored { activeflow: said["activeflow_id"].as_str().map(str::to_owned) }
        } else if is_for_later {
            Attempt::Again(problem(&answer).to_string())
        } else {
            Attempt::Refused(problem(&answer).to_string())
        }
    }

    async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        // A queue that nobody reads would fill up.
        let path = format!("/v1/commands?queue={}", self.queue);
        if let Err(failure) = self.client.delete::<Value>(&path).await {
            tracing::warn!("the command queue {} is not removed: {failure}", self.queue);
        }
    }
}

struct Reader {
    client: Arc<Client>,
    queue: String,
}

impl Reader {
    async fn listen(&self) -> Result<Messages, Failure> {
        self.client.messages(&format!("/v1/commands?queue={}&types=%23", self.queue), None).await
    }

    async fn keep_reading(self, first: Messages, taken: mpsc::Sender<Vec<u8>>, closing: CancellationToken) {
        let mut stream = Some(first);
        loop {
            if let Some(messages) = stream.take() {
                tokio::select! {
                    () = closing.cancelled() => return,
                    () = self.read(messages, &taken) => {}
                }
            }
            tokio::select! {
                () = closing.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
            stream = self.listen().await.ok();
        }
    }

    /// Until the stream breaks. What is not acknowledged then comes again.
    async fn read(&self, mut messages: Messages, taken: &mpsc::Sender<Vec<u8>>) {
        // The last position that was taken, and when it is acknowledged.
        let mut open: Option<(u64, Instant)> = None;
        loop {
            tokio::select! {
                message = messages.next() => {
                    let Some(message) = message else { return };
                    if let Some(position) = message.id.as_deref().and_then(|id| id.parse().ok()) {
                        let due = open.map_or_else(|| Instant::now() + GATHER, |(_, due)| due);
                        open = Some((position, due));
                    }
                    if taken.send(message.data.into_bytes()).await.is_err() {
                        return;
                    }
                }
                position = due(open) => {
                    let body = json!({ "queue": self.queue, "through": position });
                    if self.client.post::<Value>("/v1/commands/ack", &body).await.is_err() {
                        return;
                    }
                    open = None;
                }
            }
        }
    }
}

async fn due(open: Option<(u64, Instant)>) -> u64 {
    match open {
        Some((position, at)) => {
            tokio::time::sleep_until(at).await;
            position
        }
        None => std::future::pending().await,
    }
}
