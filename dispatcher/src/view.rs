//! What the dispatcher knows: the definitions that it has loaded, and the store's time.

use common::StoreError;
use common::attempt::Backoff;
use common::ports::{Catalogue, Clock};
use flow::{Definitions, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};

pub struct View {
    catalogue: Arc<dyn Catalogue>,
    clock: Arc<dyn Clock>,
    definitions: watch::Sender<Arc<Definitions>>,
    /// The store's time, and the monotonic moment at which it was told.
    told: watch::Sender<(Timestamp, Duration)>,
    /// Of many that find their definitions stale, one loads them.
    loading: Mutex<()>,
}

impl View {
    pub fn new(catalogue: Arc<dyn Catalogue>, clock: Arc<dyn Clock>) -> View {
        let told = watch::Sender::new((Timestamp::default(), clock.monotonic()));
        let definitions = watch::Sender::default();
        View { catalogue, clock, definitions, told, loading: Mutex::default() }
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

    /// Waits until `generation` or a newer one is loaded.
    pub async fn reach(&self, generation: u64) {
        let mut backoff = Backoff::default();
        loop {
            {
                let _one = self.loading.lock().await;
                if self.generation() >= generation {
                    return;
                }
                if let Err(error) = self.look().await {
                    tracing::debug!(%error, generation, "Could not load newer definitions");
                }
            }
            if self.generation() < generation {
                self.clock.sleep(backoff.pause()).await;
            }
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
