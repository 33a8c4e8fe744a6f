//! `GET /v1/activeflows/events`: a stream of changes of activeflows.

use super::broadcast::Broadcast;
use super::feed::{self, Change, FeedBatch};
use super::offset::FeedOffsets;
use super::sse::{self, Disconnected, EventWriter, KEEP_ALIVE};
use crate::auth::Caller;
use crate::extract::Query;
use crate::operations::activeflows::Filter;
use crate::problem::Problem;
use crate::state::Api;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use utoipa::ToSchema;

const GAP: &str = r#"{"detail":"some changes are missing here: list the activeflows again, then continue with this stream"}"#;

/// One event of the stream.
#[derive(Serialize, ToSchema)]
pub struct ChangeEvent {
    event: ChangeName,
    /// The activeflow as JSON on one line; for `gap`, an object with a `detail`
    #[schema(content_media_type = "application/json")]
    data: String,
    /// Position in the stream; send it as `Last-Event-ID` to resume after this event
    id: String,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum ChangeName {
    Created,
    Moved,
    Waiting,
    Ended,
    Gap,
}

/// Stream the changes of a customer's activeflows
///
/// Server-sent events: `created`, `moved`, `waiting` (it moved and now waits) and `ended`. `data` is the activeflow on one
/// line, in its state when the event is sent. With the header `Last-Event-ID` the stream resumes after that event. If some
/// changes are no longer available, the stream sends an event `gap`: list the activeflows again, then continue. The stream
/// contains only changes after which the activeflow matches the filters. When there are no changes, it sends a comment
/// every 15 seconds.
#[utoipa::path(
    get,
    path = "/v1/activeflows/events",
    operation_id = "followActiveflows",
    tag = "activeflows",
    params(
        Filter,
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event received"),
    ),
    responses(
        (status = 200, description = "A stream of events", body = ChangeEvent, content_type = "text/event-stream"),
        (status = 429, description = "The key already has 32 open streams; close one", body = Problem),
    )
)]
pub async fn follow_activeflows(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let permit = api.streams.permit(&caller)?;
    let from = match sse::last_event_id(&headers) {
        None => Start::Now,
        Some(id) => match FeedOffsets::read(id, usize::from(api.ports.intake.shards())) {
            Some(offsets) => Start::Offsets(offsets),
            None => Start::Unknown,
        },
    };
    let (broadcasts, at) = api.streams.broadcaster.subscribe(&api).await?;
    Ok(sse::respond(permit, |writer| async move {
        let shutdown = api.config.shutdown.clone();
        let mut listener =
            Listener { last_sent: api.ports.clock.monotonic(), api, caller, filter, at, writer };
        match shutdown.run_until_cancelled(listener.serve(from, broadcasts)).await {
            Some(Disconnected) => {}
            None => listener.writer.comment("Signalbox is shutting down; connect again with Last-Event-ID"),
        }
    }))
}

/// The point at which a stream begins.
enum Start {
    Now,
    Offsets(FeedOffsets),
    /// The id comes from another installation, or is invalid.
    Unknown,
}

struct Listener {
    api: Arc<Api>,
    caller: Caller,
    filter: Filter,
    /// Offsets up to which everything was sent or did not match.
    at: FeedOffsets,
    writer: EventWriter,
    /// Time of the last event or comment, by the monotonic clock.
    last_sent: Duration,
}

impl Listener {
    async fn serve(&mut self, from: Start, mut broadcasts: Receiver<Broadcast>) -> Disconnected {
        let Err(gone) = self.write(from, &mut broadcasts).await;
        gone
    }

    async fn write(
        &mut self,
        from: Start,
        broadcasts: &mut Receiver<Broadcast>,
    ) -> Result<std::convert::Infallible, Disconnected> {
        match from {
            Start::Now => self.keep_alive().await?,
            Start::Offsets(offsets) => self.catch_up(offsets).await?,
            Start::Unknown => self.gap().await?,
        }
        loop {
            let silent = self.api.ports.clock.monotonic().saturating_sub(self.last_sent);
            let next = tokio::select! {
                next = broadcasts.recv() => next,
                () = self.api.ports.clock.sleep(KEEP_ALIVE.saturating_sub(silent)) => {
                    self.keep_alive().await?;
                    continue;
                }
            };
            match next {
                Ok(Broadcast::Changes(changes)) => self.changes(&changes).await?,
                Ok(Broadcast::Gap(offsets)) => {
                    self.at = (*offsets).clone();
                    self.gap().await?;
                }
                // The channel dropped some batches; the ones it kept follow the gap.
                Err(RecvError::Lagged(_)) => self.gap().await?,
                Err(RecvError::Closed) => return Err(Disconnected),
            }
        }
    }

    /// Sends the changes between `offsets` and the start of the live changes.
    async fn catch_up(&mut self, offsets: FeedOffsets) -> Result<(), Disconnected> {
        let to = std::mem::replace(&mut self.at, offsets);
        for (shard, end) in to.0.iter().enumerate() {
            match feed::missed(&self.api, shard, self.at.0[shard], *end).await {
                Ok(FeedBatch::Changes(changes)) => {
                    self.changes(&changes).await?;
                    self.at.0[shard] = self.at.0[shard].max(*end);
                }
                Ok(FeedBatch::Gap) | Err(_) => {
                    self.at.0.splice(shard.., to.0[shard..].iter().copied());
                    return self.gap().await;
                }
            }
        }
        self.keep_alive().await
    }

    async fn changes(&mut self, changes: &[Change]) -> Result<(), Disconnected> {
        for Change { shard, offset, name, snapshot } in changes {
            if *offset <= self.at.0[*shard] {
                continue;
            }
            self.at.0[*shard] = *offset;
            let is_own = snapshot.found.record.spec.customer_id == self.caller.customer_id;
            if is_own && self.filter.matches(&snapshot.found) {
                self.send(Event::default().event(name).data(&snapshot.text)).await?;
            }
        }
        Ok(())
    }

    async fn gap(&mut self) -> Result<(), Disconnected> {
        self.send(Event::default().event("gap").data(GAP)).await
    }

    /// Sends an id without an event, so that a client can resume from here even if no change matched.
    async fn keep_alive(&mut self) -> Result<(), Disconnected> {
        self.send(Event::default().comment("so far")).await
    }

    async fn send(&mut self, event: Event) -> Result<(), Disconnected> {
        self.last_sent = self.api.ports.clock.monotonic();
        self.writer.send(event.id(self.at.id())).await
    }
}
