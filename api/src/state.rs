//! What every operation shares: the ports, the keys, what is deployed as far as it was asked for, and a few bundles.

use crate::Ports;
use crate::auth::Keys;
use crate::config::Config;
use crate::live::Live;
use crate::problem::Problem;
use common::StoreError;
use common::answer::until_answered;
use common::identity::hex;
use common::ports::lookup::Found;
use flow::{Bundle, Definitions};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the store may stay silent before the client is told.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Bundles are immutable; so many are kept compiled.
const BUNDLES: usize = 64;

pub struct Api {
    pub ports: Ports,
    pub config: Config,
    pub keys: Keys,
    pub live: Live,
    definitions: Mutex<Arc<Definitions>>,
    bundles: Mutex<BTreeMap<String, Arc<Bundle>>>,
}

impl Api {
    pub fn new(ports: Ports, config: Config) -> Api {
        let keys = Keys::new(&config.keys);
        Api {
            ports,
            config,
            keys,
            live: Live::default(),
            definitions: Mutex::default(),
            bundles: Mutex::default(),
        }
    }

    /// Asks the store, again while its answer is unknown, for at most [`PATIENCE`].
    ///
    /// # Errors
    /// 503 when it did not answer in time, 500 for what trying again cannot cure.
    pub async fn ask<T, F, Fut>(&self, call: F) -> Result<T, Problem>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, StoreError>>,
    {
        let asked = tokio::time::timeout(PATIENCE, until_answered(&*self.ports.clock, call)).await;
        Ok(asked.unwrap_or_else(|_| {
            let reason = format!("asked for {} s", PATIENCE.as_secs());
            Err(StoreError::Unanswered { operation: "answer", reason })
        })?)
    }

    /// What is deployed, as far as it was loaded. Whoever addresses an event by it is told by the store when it is stale.
    pub fn known_definitions(&self) -> Arc<Definitions> {
        self.definitions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is deployed now.
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

    /// The bundle that an activeflow is pinned to.
    ///
    /// # Errors
    /// As [`Api::ask`].
    pub async fn bundle_of(&self, found: &Found) -> Result<Option<Arc<Bundle>>, Problem> {
        self.bundle(&hex(&found.record.spec.bundle)).await
    }

    /// A bundle by the hex of its hash, compiled. `None` where the store does not have it, or this program cannot read
    /// it: what is shown then lacks what only the bundle knows.
    ///
    /// # Errors
    /// As [`Api::ask`].
    pub async fn bundle(&self, hash: &str) -> Result<Option<Arc<Bundle>>, Problem> {
        if let Some(bundle) = self.kept().get(hash) {
            return Ok(Some(bundle.clone()));
        }
        let Some(bytes) = self.ask(|| self.ports.catalogue.bundle(hash)).await? else { return Ok(None) };
        let bundle = match Bundle::from_bytes(&bytes) {
            Ok(bundle) => Arc::new(bundle),
            Err(error) => {
                tracing::warn!(bundle.hash = hash, %error, "A bundle cannot be shown");
                return Ok(None);
            }
        };
        let mut kept = self.kept();
        if kept.len() >= BUNDLES {
            kept.pop_first();
        }
        kept.insert(hash.to_owned(), bundle.clone());
        Ok(Some(bundle))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Bundle>>> {
        self.bundles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
