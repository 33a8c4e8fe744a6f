//! `GET /v1/activeflows/events`: what happens to activeflows, as it happens.

use super::broadcast::Broadcast;
use super::feed::{self, Change, FeedBatch};
use super::offset::FeedOffsets;
use super::sse::{self, Gone, KEEP_ALIVE, Outlet};
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

const GAP: &str =
    r#"{"detail":"changes are missing here: list the activeflows again, and go on with what follows"}"#;

/// One event of the stream.
#[derive(Serialize, ToSchema)]
pub struct ChangeEvent {
    event: ChangeName,
    /// The activeflow as JSON on one line; of a gap, a `detail` for people
    #[schema(content_media_type = "application/json")]
    data: String,
    /// Where the client is then; for `Last-Event-ID`
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

/// Follow what happens to a customer's activeflows
///
/// Server-sent events: `created`, `moved`, `waiting` (it moved and now waits) and `ended`; `data` is the activeflow as it
/// is when the change is told, on one line. With the header `Last-Event-ID` the stream goes on slice that event. What
/// cannot be told any more is an event `gap`: list the activeflows again, and go on. Only changes that leave an activeflow
/// that fits the filters are told. A comment comes every 15 seconds when there is nothing to tell.
#[utoipa::path(
    get,
    path = "/v1/activeflows/events",
    operation_id = "followActiveflows",
    tag = "activeflows",
    params(
        Filter,
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was read"),
    ),
    responses(
        (status = 200, description = "A stream of events", body = ChangeEvent, content_type = "text/event-stream"),
        (status = 429, description = "The key has 32 streams open; close one", body = Problem),
    )
)]
pub async fn follow_activeflows(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let permit = api.live.permit(&caller)?;
    let from = match sse::last_event_id(&headers) {
        None => From::Now,
        Some(id) => match FeedOffsets::read(id, usize::from(api.ports.intake.shards())) {
            Some(offsets) => From::Offsets(offsets),
            None => From::Nowhere,
        },
    };
    let (signal, at) = api.live.broadcaster.listen(&api).await?;
    Ok(sse::respond(permit, |outlet| async move {
        let shutdown = api.config.shutdown.clone();
        let mut listener = Listener { alive: api.ports.clock.monotonic(), api, caller, filter, at, outlet };
        match shutdown.run_until_cancelled(listener.serve(from, signal)).await {
            Some(Gone) => {}
            None => listener.outlet.remark("Signalbox stops; connect again with Last-Event-ID"),
        }
    }))
}

/// Where a stream begins.
enum From {
    Now,
    Offsets(FeedOffsets),
    /// The id is of another installation, or was made up.
    Nowhere,
}

struct Listener {
    api: Arc<Api>,
    caller: Caller,
    filter: Filter,
    /// Everything up to here was told, or is not for this listener.
    at: FeedOffsets,
    outlet: Outlet,
    /// When something was sent last.
    alive: Duration,
}

impl Listener {
    async fn serve(&mut self, from: From, mut broadcasts: Receiver<Broadcast>) -> Gone {
        let Err(gone) = self.tell(from, &mut broadcasts).await;
        gone
    }

    async fn tell(
        &mut self,
        from: From,
        broadcasts: &mut Receiver<Broadcast>,
    ) -> Result<std::convert::Infallible, Gone> {
        match from {
            From::Now => self.stand().await?,
            From::Offsets(offsets) => self.catch_up(offsets).await?,
            From::Nowhere => self.gap().await?,
        }
        loop {
            let silent = self.api.ports.clock.monotonic().saturating_sub(self.alive);
            let next = tokio::select! {
                next = broadcasts.recv() => next,
                () = self.api.ports.clock.sleep(KEEP_ALIVE.saturating_sub(silent)) => {
                    self.stand().await?;
                    continue;
                }
            };
            match next {
                Ok(Broadcast::Changes(changes)) => self.changes(&changes).await?,
                Ok(Broadcast::Gap(offsets)) => {
                    self.at = (*offsets).clone();
                    self.gap().await?;
                }
                // What the channel dropped is missing; what it kept goes on slice it.
                Err(RecvError::Lagged(_)) => self.gap().await?,
                Err(RecvError::Closed) => return Err(Gone),
            }
        }
    }

    /// What came between `offsets` and where the live changes begin.
    async fn catch_up(&mut self, offsets: FeedOffsets) -> Result<(), Gone> {
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
        self.stand().await
    }

    async fn changes(&mut self, changes: &[Change]) -> Result<(), Gone> {
        for Change { shard, offset, name, shown } in changes {
            if *offset <= self.at.0[*shard] {
                continue;
            }
            self.at.0[*shard] = *offset;
            let is_theirs = shown.found.record.spec.customer_id == self.caller.customer_id;
            if is_theirs && self.filter.fits(&shown.found) {
                self.send(Event::default().event(name).data(&shown.text)).await?;
            }
        }
        Ok(())
    }

    async fn gap(&mut self) -> Result<(), Gone> {
        self.send(Event::default().event("gap").data(GAP)).await
    }

    /// An id without an event: a client that reconnects goes on from here, however little was for it.
    async fn stand(&mut self) -> Result<(), Gone> {
        self.send(Event::default().comment("so far")).await
    }

    async fn send(&mut self, event: Event) -> Result<(), Gone> {
        self.alive = self.api.ports.clock.monotonic();
        self.outlet.send(event.id(self.at.id())).await
    }
}
