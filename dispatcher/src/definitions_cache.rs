//! What the dispatcher knows: the definitions that it has loaded, and the store's time.

use common::StoreError;
use common::attempt::Backoff;
use common::ports::{Catalogue, Clock};
use flow::{Definitions, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// Definitions that a shard knows of are there within this time, or something is wrong.
const SOON: Duration = Duration::from_secs(5);

pub struct View {
    catalogue: Arc<dyn Catalogue>,
    clock: Arc<dyn Clock>,
    definitions: watch::Sender<Arc<Definitions>>,
    /// The store's time, and the monotonic moment at which it was told.
    told: watch::Sender<(Timestamp, Duration)>,
    /// The newest generation that could not be reached in time and was told of.
    unreachable: AtomicU64,
    /// Of many that find their definitions stale, one loads them.
    loading: Mutex<()>,
}

impl View {
    pub fn new(catalogue: Arc<dyn Catalogue>, clock: Arc<dyn Clock>) -> View {
        let told = watch::Sender::new((Timestamp::default(), clock.monotonic()));
        let definitions = watch::Sender::default();
        View {
            catalogue,
            clock,
            definitions,
            told,
            unreachable: AtomicU64::new(0),
            loading: Mutex::default(),
        }
    }

    pub fn definitions(&self) -> Arc<Definitions> {
        self.definitions.borrow().clone()
    }

    pub fn generation(&self) -> u64 {
        self.definitions.borrow().generation
    }

    /// The store's time, as far as one can tell without asking.
    pub fn now(&self) -> Timestamp {
        let (time, at) = *self.told.borrow();
        let since = self.clock.monotonic().saturating_sub(at).as_micros();
        time.plus_micros(i64::try_from(since).unwrap_or(i64::MAX))
    }

    /// Loads newer definitions, if there are any, and the store's time.
    ///
    /// # Errors
    /// What the store says; what was known before stays.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let _one = self.loading.lock().await;
        self.look().await
    }

    /// Loads definitions and time for the first time; waits until the store answers.
    pub async fn load(&self) {
        let mut backoff = Backoff::default();
        while let Err(error) = self.refresh().await {
            tracing::warn!(%error, "No definitions yet; no event is taken without them");
            self.clock.sleep(backoff.pause()).await;
        }
    }

    /// Waits until `generation` or a newer one is loaded. A shard that is ahead of all definitions is waited for: what
    /// it was given may mean something else than what is known here.
    pub async fn reach(&self, generation: u64) {
        let begun = self.clock.monotonic();
        let mut backoff = Backoff::default();
        loop {
            let looked = {
                let _one = self.loading.lock().await;
                if self.generation() >= generation {
                    return;
                }
                self.look().await
            };
            if let Err(error) = &looked {
                tracing::debug!(%error, generation, "Could not load newer definitions");
            }
            if self.generation() < generation {
                if looked.is_ok() && self.clock.monotonic().saturating_sub(begun) >= SOON {
                    self.tell_of(generation);
                }
                self.clock.sleep(backoff.pause()).await;
            }
        }
    }

    /// Once, however many events wait.
    fn tell_of(&self, generation: u64) {
        if self.unreachable.fetch_max(generation, Ordering::Relaxed) < generation {
            let loaded = self.generation();
            tracing::warn!(
                generation,
                loaded,
                "A shard asks for newer definitions than the store has: a publication was lost. Events of its references \
                 wait; each `signalbox flow deploy` of a changed flow publishes the next generation, {} are missing",
                generation.saturating_sub(loaded)
            );
        }
    }

    async fn look(&self) -> Result<(), StoreError> {
        let than = self.generation();
        if let Some(newer) = self.catalogue.definitions(than).await? {
            tracing::info!(generation = newer.generation, routes = newer.routes.len(), "Definitions loaded");
            self.definitions.send_replace(Arc::new(newer));
        }
        let now = self.catalogue.now().await?;
        self.told.send_replace((now, self.clock.monotonic()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{Ears, World};

    #[tokio::test]
    async fn a_shard_that_is_ahead_of_all_definitions_is_told_of_once_and_waited_for() {
        let world = Arc::new(World::default());
        *world.generation.lock().unwrap() = 3;
        let dispatcher = world.dispatcher();
        let ears = Ears::default();
        let heard = tracing::subscriber::set_default(ears.clone());
        let publish = async {
            while world.ports().clock.monotonic() < Duration::from_secs(30) {
                tokio::task::yield_now().await;
            }
            *world.generation.lock().unwrap() = 9;
        };
        tokio::join!(dispatcher.view.reach(9), dispatcher.view.reach(9), publish);
        drop(heard);
        assert_eq!(ears.warnings(), ["generation=9 loaded=3"]);
        assert_eq!(dispatcher.view.generation(), 9);
    }
}
