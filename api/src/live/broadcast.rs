//! One task per process reads the feeds while at least one stream is open, and broadcasts the changes to all streams.

use super::feed::{self, Change, FeedBatch};
use super::offset::FeedOffsets;
use crate::api::Api;
use crate::problem::Problem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;

/// Interval between reads of the feeds.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Batches buffered for slow streams. A stream that falls further behind receives a gap.
const BUFFERED_BATCHES: usize = 32;

/// A message to every open stream.
#[derive(Clone)]
pub enum Broadcast {
    Changes(Arc<Vec<Change>>),
    /// Some changes are missing; the next ones follow these offsets.
    Gap(Arc<FeedOffsets>),
}

/// The broadcasting task, if it is running.
#[derive(Default)]
pub struct Broadcaster(tokio::sync::Mutex<Option<Arc<Subscription>>>);

struct Subscription {
    sender: broadcast::Sender<Broadcast>,
    /// Offsets up to which everything was sent.
    sent: Mutex<FeedOffsets>,
}

impl Broadcaster {
    /// Subscribes to every change after the returned offsets. Starts the task if it is not running.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn subscribe(
        self: &Arc<Self>,
        api: &Arc<Api>,
    ) -> Result<(broadcast::Receiver<Broadcast>, FeedOffsets), Problem> {
        let mut running = self.0.lock().await;
        let subscription = match &*running {
            Some(subscription) => subscription.clone(),
            None => {
                let sent = Mutex::new(feed::ends(api).await?);
                let subscription =
                    Arc::new(Subscription { sender: broadcast::channel(BUFFERED_BATCHES).0, sent });
                tokio::spawn(follow(self.clone(), api.clone(), subscription.clone()));
                running.insert(subscription).clone()
            }
        };
        // Under this lock, the messages sent and the offsets change together.
        let sent = subscription.sent();
        Ok((subscription.sender.subscribe(), sent.clone()))
    }

    /// Whether no stream is subscribed any more, so that the task must end.
    async fn has_ended(&self, subscription: &Subscription) -> bool {
        if subscription.sender.receiver_count() > 0 {
            return false;
        }
        let mut running = self.0.lock().await;
        let has_ended = subscription.sender.receiver_count() == 0;
        if has_ended {
            *running = None;
        }
        has_ended
    }
}

async fn follow(broadcaster: Arc<Broadcaster>, api: Arc<Api>, subscription: Arc<Subscription>) {
    while !broadcaster.has_ended(&subscription).await {
        let from = subscription.sent().clone();
        match feed::read_after(&api, &from).await {
            Ok((batch, to)) => subscription.send(batch, to),
            Err(problem) => {
                tracing::debug!(problem = problem.detail, "reading the feeds failed; retrying")
            }
        }
        api.ports.clock.sleep(POLL_INTERVAL).await;
    }
}

impl Subscription {
    fn sent(&self) -> MutexGuard<'_, FeedOffsets> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, batch: FeedBatch, to: FeedOffsets) {
        let mut sent = self.sent();
        let broadcast = match batch {
            FeedBatch::Changes(changes) if changes.is_empty() => None,
            FeedBatch::Changes(changes) => Some(Broadcast::Changes(Arc::new(changes))),
            FeedBatch::Gap => Some(Broadcast::Gap(Arc::new(to.clone()))),
        };
        // It is not an error that no stream is subscribed any more.
        broadcast.map(|broadcast| self.sender.send(broadcast).ok());
        *sent = to;
    }
}
