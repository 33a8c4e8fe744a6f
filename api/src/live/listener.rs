//! Sends the changes that match a client's filter, from the client's offsets on.

use super::broadcast::Broadcast;
use super::feed::{self, Change, FeedBatch};
use super::offset::FeedOffsets;
use super::sse::{Disconnected, EventWriter, KEEP_ALIVE};
use crate::api::Api;
use crate::filter::Filter;
use axum::response::sse::Event;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

const GAP: &str = r#"{"detail":"some changes are missing here: list the activeflows again, then continue with this stream"}"#;

/// The point at which a stream begins.
pub enum Start {
    Now,
    Offsets(FeedOffsets),
    /// The id comes from another installation, or is invalid.
    Unknown,
}

/// One client of the stream.
pub struct Listener {
    api: Arc<Api>,
    customer_id: String,
    filter: Filter,
    /// Offsets up to which everything was sent or did not match.
    at: FeedOffsets,
    writer: EventWriter,
    /// Time of the last event or comment, by the monotonic clock.
    last_sent: Duration,
}

impl Start {
    /// The start after the event with this id.
    pub fn after(id: Option<&str>, shards: usize) -> Start {
        match id {
            None => Start::Now,
            Some(id) => FeedOffsets::read(id, shards).map_or(Start::Unknown, Start::Offsets),
        }
    }
}

impl Listener {
    pub fn new(
        api: Arc<Api>,
        customer_id: String,
        filter: Filter,
        at: FeedOffsets,
        writer: EventWriter,
    ) -> Listener {
        let last_sent = api.ports.clock.monotonic();
        Listener { api, customer_id, filter, at, writer, last_sent }
    }

    /// Sends changes until the client disconnects or the API shuts down.
    pub async fn serve(&mut self, start: Start, mut broadcasts: Receiver<Broadcast>) {
        let shutdown = self.api.config.shutdown.clone();
        match shutdown.run_until_cancelled(self.write(start, &mut broadcasts)).await {
            Some(Err(Disconnected)) => {}
            None => self.writer.comment("Signalbox is shutting down; connect again with Last-Event-ID"),
        }
    }

    async fn write(
        &mut self,
        start: Start,
        broadcasts: &mut Receiver<Broadcast>,
    ) -> Result<std::convert::Infallible, Disconnected> {
        match start {
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
            let is_own = snapshot.found.record.spec.customer_id == self.customer_id;
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
