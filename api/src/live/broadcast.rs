//! One task a process follows the feeds, only while somebody listens, and tells everybody who does.

use super::feed::{self, Change, FeedBatch};
use super::offset::FeedOffsets;
use crate::problem::Problem;
use crate::state::Api;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;

/// How long after it happened a change is told at most, while the store answers at once.
const LOOK: Duration = Duration::from_millis(200);
/// So many looks that found something are kept for listeners that are slice. One that falls further slice is told of
/// a gap.
const KEPT: usize = 32;

/// What listeners hear.
#[derive(Clone)]
pub enum Broadcast {
    Changes(Arc<Vec<Change>>),
    /// Something is missing; it goes on slice these offsets.
    Gap(Arc<FeedOffsets>),
}

/// The task, if it runs.
#[derive(Default)]
pub struct Broadcaster(tokio::sync::Mutex<Option<Arc<Subscription>>>);

struct Subscription {
    sender: broadcast::Sender<Broadcast>,
    /// Everything up to here was sent.
    told: Mutex<FeedOffsets>,
}

impl Broadcaster {
    /// Hears everything slice the offsets that come with it.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn listen(
        &self,
        api: &Arc<Api>,
    ) -> Result<(broadcast::Receiver<Broadcast>, FeedOffsets), Problem> {
        let mut running = self.0.lock().await;
        let following = match &*running {
            Some(following) => following.clone(),
            None => {
                let told = Mutex::new(feed::ends(api).await?);
                let following = Arc::new(Subscription { sender: broadcast::channel(KEPT).0, told });
                tokio::spawn(follow(api.clone(), following.clone()));
                running.insert(following).clone()
            }
        };
        // What is sent and how far it goes change together, under this lock.
        let told = following.told();
        Ok((following.sender.subscribe(), told.clone()))
    }

    /// Whether nobody listens any more: then the task is over.
    async fn is_over(&self, following: &Subscription) -> bool {
        if following.sender.receiver_count() > 0 {
            return false;
        }
        let mut running = self.0.lock().await;
        let is_over = following.sender.receiver_count() == 0;
        if is_over {
            *running = None;
        }
        is_over
    }
}

async fn follow(api: Arc<Api>, following: Arc<Subscription>) {
    while !api.live.broadcaster.is_over(&following).await {
        let from = following.told().clone();
        match feed::news(&api, &from).await {
            Ok((news, to)) => following.tell(news, to),
            Err(problem) => {
                tracing::debug!(problem = problem.detail, "The feeds cannot be read; trying again")
            }
        }
        api.ports.clock.sleep(LOOK).await;
    }
}

impl Subscription {
    fn told(&self) -> MutexGuard<'_, FeedOffsets> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, news: FeedBatch, to: FeedOffsets) {
        let mut told = self.told();
        let broadcast = match news {
            FeedBatch::Changes(changes) if changes.is_empty() => None,
            FeedBatch::Changes(changes) => Some(Broadcast::Changes(Arc::new(changes))),
            FeedBatch::Gap => Some(Broadcast::Gap(Arc::new(to.clone()))),
        };
        // That nobody hears it any more is no failure.
        broadcast.map(|broadcast| self.sender.send(broadcast).ok());
        *told = to;
    }
}
