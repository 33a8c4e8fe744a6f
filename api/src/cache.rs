//! The cache of the definitions and of bundles.

use flow::{Bundle, Definitions};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum number of cached bundles.
const MAX_BUNDLES: usize = 64;

/// The newest definitions that this process has read, and bundles by hash. Bundles are immutable.
#[derive(Default)]
pub struct DefinitionsCache {
    definitions: Mutex<Arc<Definitions>>,
    bundles: Mutex<BTreeMap<String, Arc<Bundle>>>,
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
        lock(&self.bundles).get(hash).cloned()
    }

    pub fn store_bundle(&self, hash: &str, bundle: &Arc<Bundle>) {
        let mut bundles = lock(&self.bundles);
        if bundles.len() >= MAX_BUNDLES {
            bundles.pop_first();
        }
        bundles.insert(hash.to_owned(), bundle.clone());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
