//! A stream of server-sent events. One task writes, the response body reads; when either ends, so does the other.

use super::stream_limiter::StreamPermit;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Interval between comments on an idle stream, so that proxies keep the connection open.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events buffered for a client that reads slowly.
const BUFFERED_EVENTS: usize = 16;

/// The writing end of a stream.
pub struct EventWriter(mpsc::Sender<Event>);

/// The client has disconnected.
#[derive(Debug)]
pub struct Disconnected;

impl EventWriter {
    /// Waits while the buffer is full.
    ///
    /// # Errors
    /// [`Disconnected`]
    pub async fn send(&self, event: Event) -> Result<(), Disconnected> {
        self.0.send(event).await.map_err(|_| Disconnected)
    }

    /// Sends a comment, which clients ignore. It is dropped if the buffer is full.
    pub fn comment(&self, text: &str) {
        let _ = self.0.try_send(Event::default().comment(text));
    }
}

/// The `id` of the last event that a reconnecting client received.
pub fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    // An id that is not visible ASCII is treated like any other unknown id.
    let id = headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?"));
    id.filter(|id| !id.is_empty())
}

/// Streams the events that `write` sends, until it returns or the client disconnects. The permit is released then.
pub fn respond<W, F>(permit: StreamPermit, write: W) -> Response
where
    W: FnOnce(EventWriter) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(BUFFERED_EVENTS);
    let writer = AbortOnDropHandle::new(tokio::spawn(write(EventWriter(sender))));
    let events = stream::unfold((receiver, writer, permit), async |(mut receiver, writer, permit)| {
        let event = receiver.recv().await?;
        Some((Ok::<_, Infallible>(event), (receiver, writer, permit)))
    });
    // A proxy that buffers would delay events.
    ([(HeaderName::from_static("x-accel-buffering"), "no")], Sse::new(events)).into_response()
}
