//! The cache of the definitions and of bundles.

use common::cache::Cache;
use flow::{Bundle, Definitions};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum number of cached bundles.
const MAX_BUNDLES: usize = 64;
/// Maximum of memory that cached bundles take, in bytes.
const MAX_BUNDLE_BYTES: usize = 64 * 1024 * 1024;

/// The newest definitions that this process has read, and bundles by hash. Bundles are immutable.
pub struct DefinitionsCache {
    definitions: Mutex<Arc<Definitions>>,
    bundles: Cache<String, Arc<Bundle>>,
}

impl Default for DefinitionsCache {
    fn default() -> Self {
        DefinitionsCache { definitions: Mutex::default(), bundles: Cache::new(MAX_BUNDLES, MAX_BUNDLE_BYTES) }
    }
}

impl DefinitionsCache {
    pub fn definitions(&self) -> Arc<Definitions> {
        lock(&self.definitions).clone()
    }

    /// Stores definitions unless the cache has the same or a later generation.
    pub fn store_definitions(&self, newer: &Arc<Definitions>) {
        let mut definitions = lock(&self.definitions);
        if definitions.generation < newer.generation {
            *definitions = newer.clone();
        }
    }

    pub fn bundle(&self, hash: &str) -> Option<Arc<Bundle>> {
        self.bundles.get(&hash.to_owned())
    }

    pub fn store_bundle(&self, hash: &str, bundle: &Arc<Bundle>) {
        self.bundles.insert(hash.to_owned(), bundle.clone(), bundle.memory());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
