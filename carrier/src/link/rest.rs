//! A link over REST: `POST /v1/events`, and commands as server-sent events, acknowledged in batches.

use super::{Attempt, Link, OpenLink, WINDOW};
use crate::api::{Api, ApiError, CommandStream, EventAnswer};
use crate::wire::Event;
use async_trait::async_trait;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Time during which acknowledgements are collected.
const GATHER: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_millis(200);

struct Rest {
    api: Arc<dyn Api>,
    queue: String,
    closing: CancellationToken,
    tasks: TaskTracker,
}

/// Opens a link. The command queue exists when this returns.
///
/// # Errors
/// The API cannot be reached or refuses.
pub async fn open(api: Arc<dyn Api>, queue: &str) -> Result<OpenLink, ApiError> {
    let reader = Reader { api: api.clone(), queue: queue.to_owned() };
    let first = reader.listen().await?;
    let (sender, commands) = mpsc::channel(WINDOW);
    let closing = CancellationToken::new();
    let tasks = TaskTracker::new();
    tasks.spawn(reader.keep_reading(first, sender, closing.clone()));
    Ok(OpenLink { link: Arc::new(Rest { api, queue: queue.to_owned(), closing, tasks }), commands })
}

#[async_trait]
impl Link for Rest {
    async fn send(&self, event: &Event) -> Attempt {
        match self.api.post_event(&event.body).await {
            EventAnswer::Stored { activeflow } => Attempt::Stored { activeflow },
            EventAnswer::Refused(why) => Attempt::Refused(why),
            EventAnswer::Retry(why) => Attempt::Again(why),
        }
    }

    async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        // A queue without a reader would fill up.
        let path = format!("/v1/commands?queue={}", self.queue);
        if let Err(error) = self.api.delete(&path).await {
            tracing::warn!("the command queue {} was not removed: {error}", self.queue);
        }
    }
}

struct Reader {
    api: Arc<dyn Api>,
    queue: String,
}

impl Reader {
    async fn listen(&self) -> Result<Box<dyn CommandStream>, ApiError> {
        self.api.commands(&format!("/v1/commands?queue={}&types=%23", self.queue)).await
    }

    async fn keep_reading(
        self,
        first: Box<dyn CommandStream>,
        sender: mpsc::Sender<Vec<u8>>,
        closing: CancellationToken,
    ) {
        let mut stream = Some(first);
        loop {
            if let Some(open) = stream.take() {
                tokio::select! {
                    () = closing.cancelled() => return,
                    () = self.read(open, &sender) => {}
                }
            }
            tokio::select! {
                () = closing.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
            stream = self.listen().await.ok();
        }
    }

    /// Reads until the stream breaks. Unacknowledged commands are then delivered again.
    async fn read(&self, mut stream: Box<dyn CommandStream>, sender: &mpsc::Sender<Vec<u8>>) {
        // Last position that was read, and when it is acknowledged.
        let mut open: Option<(u64, Instant)> = None;
        loop {
            tokio::select! {
                command = stream.next() => {
                    let Some(command) = command else { return };
                    if let Some(position) = command.position {
                        let due = open.map_or_else(|| Instant::now() + GATHER, |(_, due)| due);
                        open = Some((position, due));
                    }
                    if sender.send(command.body).await.is_err() {
                        return;
                    }
                }
                position = due(open) => {
                    let body = json!({ "queue": self.queue, "through": position });
                    if self.api.post("/v1/commands/ack", &body).await.is_err() {
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
