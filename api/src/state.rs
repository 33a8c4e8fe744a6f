//! The state that all operations share: ports, keys, streams, and caches of the definitions and bundles.

use crate::auth::Keys;
use crate::config::Config;
use crate::live::Streams;
use crate::ports::Ports;
use crate::problem::Problem;
use common::StoreError;
use common::identity::hex;
use common::ports::lookup::ActiveflowSnapshot;
use common::retry::until_answered;
use flow::{Bundle, Definitions};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Maximum time for which an operation waits for the store.
pub const STORE_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of cached bundles. Bundles are immutable.
const MAX_CACHED_BUNDLES: usize = 64;

pub struct Api {
    pub ports: Ports,
    pub config: Config,
    pub keys: Arc<Keys>,
    pub streams: Streams,
    definitions: Mutex<Arc<Definitions>>,
    bundles: Mutex<BTreeMap<String, Arc<Bundle>>>,
}

impl Api {
    pub fn new(ports: Ports, config: Config) -> Api {
        let keys = Arc::new(Keys::new(&config.keys));
        Api {
            ports,
            config,
            keys,
            streams: Streams::default(),
            definitions: Mutex::default(),
            bundles: Mutex::default(),
        }
    }

    /// Calls the store, and retries while the outcome is unknown, for at most [`STORE_TIMEOUT`].
    ///
    /// # Errors
    /// 503 if the store did not answer in time, 500 for an error that a retry cannot fix.
    pub async fn ask<T, F, Fut>(&self, call: F) -> Result<T, Problem>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, StoreError>>,
    {
        let asked = tokio::time::timeout(STORE_TIMEOUT, until_answered(&*self.ports.clock, call)).await;
        Ok(asked.unwrap_or_else(|_| {
            let reason = format!("no answer within {} s", STORE_TIMEOUT.as_secs());
            Err(StoreError::Unanswered { operation: "answer", reason })
        })?)
    }

    /// The cached definitions. The store rejects an event that was addressed by stale definitions.
    pub fn known_definitions(&self) -> Arc<Definitions> {
        self.definitions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The current definitions.
    ///
    /// # Errors
    /// As [`Api::ask`].
    pub async fn definitions(&self) -> Result<Arc<Definitions>, Problem> {
        let known = self.known_definitions();
        let newer = self.ask(|| self.ports.catalogue.definitions(known.generation)).await?;
        let Some(newer) = newer.map(Arc::new) else { return Ok(known) };
        let mut definitions = self.definitions.lock().unwrap_or_else(PoisonError::into_inner);
        if definitions.generation < newer.generation {
            *definitions = newer.clone();
        }
        Ok(newer)
    }

    /// The bundle of an activeflow.
    ///
    /// # Errors
    /// As [`Api::ask`].
    pub async fn bundle_of(&self, found: &ActiveflowSnapshot) -> Result<Option<Arc<Bundle>>, Problem> {
        self.bundle(&hex(&found.record.spec.bundle)).await
    }

    /// The bundle with this hexadecimal hash. `None` if the store does not have it or this version cannot read it; the
    /// resources then lack the fields that need the bundle.
    ///
    /// # Errors
    /// As [`Api::ask`].
    pub async fn bundle(&self, hash: &str) -> Result<Option<Arc<Bundle>>, Problem> {
        if let Some(bundle) = self.cached_bundles().get(hash) {
            return Ok(Some(bundle.clone()));
        }
        let Some(bytes) = self.ask(|| self.ports.catalogue.bundle(hash)).await? else { return Ok(None) };
        let bundle = match Bundle::from_bytes(&bytes) {
            Ok(bundle) => Arc::new(bundle),
            Err(error) => {
                tracing::warn!(bundle.hash = hash, %error, "a bundle cannot be read; its activeflows are shown without its details");
                return Ok(None);
            }
        };
        let mut cached = self.cached_bundles();
        if cached.len() >= MAX_CACHED_BUNDLES {
            cached.pop_first();
        }
        cached.insert(hash.to_owned(), bundle.clone());
        Ok(Some(bundle))
    }

    fn cached_bundles(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Bundle>>> {
        self.bundles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
