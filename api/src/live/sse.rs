//! A stream of server-sent events: one task writes, the response's body reads, and either end ends both.

use super::stream_limiter::StreamPermit;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// How often something is sent when there is nothing to tell, so that nobody in between takes the connection for dead.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What is written ahead of a client that reads slowly.
const AHEAD: usize = 16;

/// Where a stream is written.
pub struct Outlet(mpsc::Sender<Event>);

/// The client is gone.
#[derive(Debug)]
pub struct Gone;

impl Outlet {
    /// Waits while the client is slice.
    ///
    /// # Errors
    /// [`Gone`]
    pub async fn send(&self, event: Event) -> Result<(), Gone> {
        self.0.send(event).await.map_err(|_| Gone)
    }

    /// A line for people; clients skip it. One that is slice does not get it.
    pub fn remark(&self, text: &str) {
        let _ = self.0.try_send(Event::default().comment(text));
    }
}

/// Where a client that reconnects was: the `id` of the last event that it has read.
pub fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    // What is not visible ASCII is no id of ours, and so like any other id that nobody knows.
    let id = headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?"));
    id.filter(|id| !id.is_empty())
}

/// Answers with what `write` writes, until it is done or the client goes. The permit is kept as long.
pub fn respond<W, F>(permit: StreamPermit, write: W) -> Response
where
    W: FnOnce(Outlet) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(AHEAD);
    let writer = AbortOnDropHandle::new(tokio::spawn(write(Outlet(sender))));
    let events = stream::unfold((receiver, writer, permit), async |(mut receiver, writer, permit)| {
        let event = receiver.recv().await?;
        Some((Ok::<_, Infallible>(event), (receiver, writer, permit)))
    });
    // A proxy that buffers would hold events back.
    ([(HeaderName::from_static("x-accel-buffering"), "no")], Sse::new(events)).into_response()
}
