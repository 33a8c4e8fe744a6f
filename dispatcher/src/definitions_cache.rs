//! The definitions that this dispatcher has loaded, and its estimate of the store's time.

use common::StoreError;
use common::backoff::Backoff;
use common::ports::{Catalogue, Clock};
use common::store_time::StoreTime;
use flow::{Definitions, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// Time after which definitions that a shard knows, but the catalogue does not, are reported as lost.
const PUBLICATION_TIMEOUT: Duration = Duration::from_secs(5);

pub struct DefinitionsCache {
    catalogue: Arc<dyn Catalogue>,
    clock: Arc<dyn Clock>,
    definitions: watch::Sender<Arc<Definitions>>,
    store_time: watch::Sender<StoreTime>,
    /// The newest generation that was reported as lost.
    reported: AtomicU64,
    /// Held while loading: of many events that find the definitions stale, one loads them.
    loading: Mutex<()>,
}

impl DefinitionsCache {
    pub fn new(catalogue: Arc<dyn Catalogue>, clock: Arc<dyn Clock>) -> DefinitionsCache {
        let start = StoreTime { answered: Timestamp::default(), received_at: clock.monotonic() };
        DefinitionsCache {
            catalogue,
            clock,
            definitions: watch::Sender::default(),
            store_time: watch::Sender::new(start),
            reported: AtomicU64::new(0),
            loading: Mutex::default(),
        }
    }

    pub fn get(&self) -> Arc<Definitions> {
        self.definitions.borrow().clone()
    }

    pub fn generation(&self) -> u64 {
        self.definitions.borrow().generation
    }

    /// The store's time, estimated without a call to the store.
    pub fn store_time(&self) -> Timestamp {
        self.store_time.borrow().now(&*self.clock)
    }

    /// Loads newer definitions, if there are any, and the store's time.
    ///
    /// # Errors
    /// The store's error; the cache is unchanged.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let _loading = self.loading.lock().await;
        self.fetch().await
    }

    /// Loads definitions and time for the first time; retries until the store answers.
    pub async fn load(&self) {
        let mut backoff = Backoff::default();
        while let Err(error) = self.refresh().await {
            tracing::warn!(%error, "Could not load definitions; the dispatcher takes no events until they are loaded");
            self.clock.sleep(backoff.pause()).await;
        }
    }

    /// Waits until `generation` or a newer one is loaded, for as long as it takes: older definitions may route the event to
    /// another flow.
    pub async fn wait_for(&self, generation: u64) {
        let started_at = self.clock.monotonic();
        let mut backoff = Backoff::default();
        loop {
            let fetched = {
                let _loading = self.loading.lock().await;
                if self.generation() >= generation {
                    return;
                }
                self.fetch().await
            };
            if let Err(error) = &fetched {
                tracing::debug!(%error, generation, "Could not load newer definitions");
            }
            if self.generation() < generation {
                let waited = self.clock.monotonic().saturating_sub(started_at);
                if fetched.is_ok() && waited >= PUBLICATION_TIMEOUT {
                    self.report_lost(generation);
                }
                self.clock.sleep(backoff.pause()).await;
            }
        }
    }

    /// Logs a lost generation once, however many events wait for it.
    fn report_lost(&self, generation: u64) {
        if self.reported.fetch_max(generation, Ordering::Relaxed) < generation {
            let loaded = self.generation();
            tracing::warn!(
                generation,
                loaded,
                "A shard knows newer definitions than the catalogue: a publication was lost. Events of its references \
                 wait. Each `signalbox flow deploy` of a changed flow publishes the next generation; {} are missing",
                generation.saturating_sub(loaded)
            );
        }
    }

    async fn fetch(&self) -> Result<(), StoreError> {
        let than = self.generation();
        if let Some(newer) = self.catalogue.definitions(than).await? {
            tracing::info!(generation = newer.generation, routes = newer.routes.len(), "Definitions loaded");
            self.definitions.send_replace(Arc::new(newer));
        }
        let answered = self.catalogue.now().await?;
        self.store_time.send_replace(StoreTime { answered, received_at: self.clock.monotonic() });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
