//! One task a process follows the feeds, only while somebody listens, and tells everybody who does.

use super::feed::{self, Change, News};
use super::place::Places;
use crate::problem::Problem;
use crate::state::Api;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;

/// How long after it happened a change is told at most, while the store answers at once.
const LOOK: Duration = Duration::from_millis(200);
/// So many looks that found something are kept for listeners that are behind. One that falls further behind is told of
/// a gap.
const KEPT: usize = 32;

/// What listeners hear.
#[derive(Clone)]
pub enum Heard {
    Changes(Arc<Vec<Change>>),
    /// Something is missing; it goes on behind these places.
    Gap(Arc<Places>),
}

/// The task, if it runs.
#[derive(Default)]
pub struct Follower(tokio::sync::Mutex<Option<Arc<Following>>>);

struct Following {
    sender: broadcast::Sender<Heard>,
    /// Everything up to here was sent.
    told: Mutex<Places>,
}

impl Follower {
    /// Hears everything behind the places that come with it.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn listen(&self, api: &Arc<Api>) -> Result<(broadcast::Receiver<Heard>, Places), Problem> {
        let mut running = self.0.lock().await;
        let following = match &*running {
            Some(following) => following.clone(),
            None => {
                let told = Mutex::new(feed::ends(api).await?);
                let following = Arc::new(Following { sender: broadcast::channel(KEPT).0, told });
                tokio::spawn(follow(api.clone(), following.clone()));
                running.insert(following).clone()
            }
        };
        // What is sent and how far it goes change together, under this lock.
        let told = following.told();
        Ok((following.sender.subscribe(), told.clone()))
    }

    /// Whether nobody listens any more: then the task is over.
    async fn is_over(&self, following: &Following) -> bool {
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

async fn follow(api: Arc<Api>, following: Arc<Following>) {
    while !api.live.follower.is_over(&following).await {
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

impl Following {
    fn told(&self) -> MutexGuard<'_, Places> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, news: News, to: Places) {
        let mut told = self.told();
        let heard = match news {
            News::Changes(changes) if changes.is_empty() => None,
            News::Changes(changes) => Some(Heard::Changes(Arc::new(changes))),
            News::Gap => Some(Heard::Gap(Arc::new(to.clone()))),
        };
        // That nobody hears it any more is no failure.
        heard.map(|heard| self.sender.send(heard).ok());
        *told = to;
    }
}
