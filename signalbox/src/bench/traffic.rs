//! The outside: where the events of a run come from, and where its commands go.

use super::probe::COMMANDS;
use super::run_log::RunLog;
use super::{amqp, flows};
use crate::failure::Failure;
use common::address::{DEFAULT_REALM, address, read};
use common::ports::StateStore;
use common::ports::commands::{CommandReader, Commands};
use common::ports::intake::Delivered;
use flow::Definitions;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

/// Events under way to the broker at the same time.
const WINDOW: usize = 1_000;
/// Commands that are acknowledged together.
const ACKED: u64 = 128;

/// Source of events.
#[derive(Clone)]
pub enum Source {
    /// Published to the broker's queue.
    Amqp(amqp::Publisher),
    /// Addressed and stored as by `POST /v1/events`.
    Direct { store: Arc<dyn StateStore>, definitions: Arc<Definitions> },
}

/// Receiver of commands.
pub enum Gateway {
    Amqp(String),
    Embedded(Arc<dyn Commands>),
}

impl Source {
    /// Whether events can be stored in front of the engine while it does not run.
    pub fn has_queue(&self) -> bool {
        matches!(self, Source::Amqp(_))
    }

    /// Sends event `number`; returns when it is stored.
    ///
    /// # Errors
    /// It is not stored.
    pub async fn send(&self, log: &RunLog, number: u32, wait_ms: u64) -> Result<(), Failure> {
        let event = flows::event(log.flow, &log.subject(number), wait_ms);
        log.sent(number);
        match self {
            Source::Amqp(publisher) => {
                publisher.publish(&log.flow.event_type(), &log.subject(number), event.into_bytes()).await
            }
            Source::Direct { store, definitions } => deliver(&**store, definitions, event.as_bytes()).await,
        }
    }

    /// Sends `numbers`, at most `window` at the same time; `wait_ms` says how long each shall wait.
    ///
    /// # Errors
    /// As [`Source::send`].
    pub async fn fill(
        &self,
        log: &RunLog,
        numbers: Range<usize>,
        wait_ms: impl Fn(usize) -> u64,
    ) -> Result<(), Failure> {
        stream::iter(numbers.map(|number| self.send(log, number as u32, wait_ms(number))))
            .buffer_unordered(WINDOW)
            .try_collect()
            .await
    }

    /// Sends all, `rate` a second, however long each takes.
    ///
    /// # Errors
    /// As [`Source::send`].
    pub async fn pace(&self, log: &Arc<RunLog>, rate: u32) -> Result<(), Failure> {
        let begun = Instant::now();
        let mut sending = tokio::task::JoinSet::new();
        for number in 0..log.len() as u32 {
            sleep_until(begun + Duration::from_secs(1) * number / rate.max(1)).await;
            let (source, log) = (self.clone(), log.clone());
            sending.spawn(async move { source.send(&log, number, 0).await });
        }
        while let Some(sent) = sending.join_next().await {
            sent.map_err(|error| Failure::failed(format!("publishing stopped: {error}")))??;
        }
        Ok(())
    }
}

async fn deliver(store: &dyn StateStore, definitions: &Definitions, event: &[u8]) -> Result<(), Failure> {
    let refused = |why: common::refusal::Refusal| Failure::failed(format!("{}: {}", why.reason, why.message));
    let read = read(event, DEFAULT_REALM, None).map_err(refused)?;
    let now = flow::Timestamp::default();
    let deliver = address(&read, definitions, now, store.shards()).map_err(refused)?;
    match store.deliver(&deliver).await? {
        Delivered::Applied { .. } => Ok(()),
        other => Err(Failure::failed(format!("an event of the bench was not applied: {other:?}"))),
    }
}

impl Gateway {
    /// Writes every command that comes into `log`, until the handle is dropped.
    ///
    /// # Errors
    /// The queue cannot be opened.
    pub async fn open(&self, log: Arc<RunLog>) -> Result<AbortOnDropHandle<()>, Failure> {
        match self {
            Gateway::Amqp(url) => amqp::consume(url, &format!("{COMMANDS}.#"), log).await,
            Gateway::Embedded(commands) => {
                let commands = commands.clone();
                let patterns = [format!("{COMMANDS}.#")];
                let reader = commands.open(COMMANDS, &patterns, None).await;
                let reader = reader.map_err(|error| Failure::failed(error.to_string()))?;
                Ok(AbortOnDropHandle::new(tokio::spawn(take(commands, reader, log))))
            }
        }
    }
}

async fn take(commands: Arc<dyn Commands>, mut reader: Box<dyn CommandReader>, log: Arc<RunLog>) {
    let mut taken = 0_u64;
    while let Some(queued) = reader.next().await {
        log.command_received(&queued.message.id);
        taken += 1;
        if taken.is_multiple_of(ACKED) && commands.ack(COMMANDS, queued.position).await.is_err() {
            return;
        }
    }
}
