//! Access to the ports, with a time limit and a cache.

use crate::cache::DefinitionsCache;
use crate::config::Config;
use crate::ports::Ports;
use crate::problem::Problem;
use common::StoreError;
use common::identity::hex;
use common::ports::lookup::ActiveflowSnapshot;
use common::retry::until_answered;
use flow::{Bundle, Definitions};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Maximum time for which an operation waits for the store.
pub const STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// The ports and the configuration that all operations share.
pub struct Api {
    pub ports: Ports,
    pub config: Config,
    cache: DefinitionsCache,
}

impl Api {
    pub fn new(ports: Ports, config: Config) -> Api {
        Api { ports, config, cache: DefinitionsCache::default() }
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
        let answer = self.within_timeout(until_answered(&*self.ports.clock, call)).await;
        Ok(answer.unwrap_or_else(|| {
            let reason = format!("no answer within {} s", STORE_TIMEOUT.as_secs());
            Err(StoreError::Unanswered { operation: "answer", reason })
        })?)
    }

    /// Runs `work` for at most [`STORE_TIMEOUT`]. Returns `None` if the time was not enough.
    pub async fn within_timeout<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            result = work => Some(result),
            () = self.ports.clock.sleep(STORE_TIMEOUT) => None,
        }
    }

    /// The cached definitions. The store rejects an event that was addressed by stale definitions.
    pub fn cached_definitions(&self) -> Arc<Definitions> {
        self.cache.definitions()
    }

    /// The current definitions.
    ///
    /// # Errors
    /// As [`Api::ask`].
    pub async fn definitions(&self) -> Result<Arc<Definitions>, Problem> {
        let cached = self.cache.definitions();
        let newer = self.ask(|| self.ports.catalogue.definitions(cached.generation)).await?;
        let Some(newer) = newer.map(Arc::new) else { return Ok(cached) };
        self.cache.store_definitions(&newer);
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
        if let Some(bundle) = self.cache.bundle(hash) {
            return Ok(Some(bundle));
        }
        let Some(bytes) = self.ask(|| self.ports.catalogue.bundle(hash)).await? else { return Ok(None) };
        let bundle = match Bundle::from_bytes(&bytes) {
            Ok(bundle) => Arc::new(bundle),
            Err(error) => {
                tracing::warn!(bundle.hash = hash, %error, "a bundle cannot be read; responses about its activeflows lack details");
                return Ok(None);
            }
        };
        self.cache.store_bundle(hash, &bundle);
        Ok(Some(bundle))
    }

    /// The document of the bundle with this hash. Does not compile it: a flow that this version cannot run can still be
    /// read and replaced.
    ///
    /// # Errors
    /// As [`Api::ask`].
    pub async fn document(&self, hash: &str) -> Result<Option<Value>, Problem> {
        if let Some(bundle) = self.cache.bundle(hash) {
            return Ok(Some(bundle.document().clone()));
        }
        let Some(bytes) = self.ask(|| self.ports.catalogue.bundle(hash)).await? else { return Ok(None) };
        match Bundle::document_in(&bytes) {
            Ok(document) => Ok(Some(document)),
            Err(error) => {
                tracing::warn!(bundle.hash = hash, %error, "the document in a bundle cannot be read");
                Ok(None)
            }
        }
    }
}
