//! A bounded cache of compiled bundles.

use common::StoreError;
use common::identity::hex;
use common::ports::Catalogue;
use flow::Bundle;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

pub struct BundleCache {
    catalogue: Arc<dyn Catalogue>,
    capacity: usize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    /// Number of lookups. The least recently used bundle is evicted first.
    uses: u64,
    bundles: HashMap<[u8; 32], (Arc<Bundle>, u64)>,
}

/// The bundle is unavailable now. A later try may succeed: after a publication, or an upgrade of this binary.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("bundle {hash} is not in the store")]
    Missing { hash: String },
    #[error("bundle {hash} cannot be read by this binary: {why}")]
    Unreadable { hash: String, why: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BundleCache {
    pub fn new(catalogue: Arc<dyn Catalogue>, capacity: usize) -> BundleCache {
        BundleCache { catalogue, capacity: capacity.max(1), entries: Mutex::default() }
    }

    /// # Errors
    /// See [`BundleError`].
    pub async fn get(&self, hash: &[u8; 32]) -> Result<Arc<Bundle>, BundleError> {
        if let Some(bundle) = self.lookup(hash) {
            return Ok(bundle);
        }
        let name = hex(hash);
        let Some(bytes) = self.catalogue.bundle(&name).await? else {
            return Err(BundleError::Missing { hash: name });
        };
        let compiled = catch_unwind(AssertUnwindSafe(|| Bundle::from_bytes(&bytes)));
        let compiled = compiled
            .map_or_else(|_| Err("compiling it panicked".into()), |read| read.map_err(|e| e.to_string()));
        let bundle = compiled.map(Arc::new).map_err(|why| BundleError::Unreadable { hash: name, why })?;
        self.insert(*hash, bundle.clone());
        Ok(bundle)
    }

    fn lookup(&self, hash: &[u8; 32]) -> Option<Arc<Bundle>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.uses += 1;
        let uses = entries.uses;
        let (bundle, used) = entries.bundles.get_mut(hash)?;
        *used = uses;
        Some(bundle.clone())
    }

    fn insert(&self, hash: [u8; 32], bundle: Arc<Bundle>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let uses = entries.uses;
        entries.bundles.insert(hash, (bundle, uses));
        if entries.bundles.len() > self.capacity {
            let oldest = entries.bundles.iter().min_by_key(|(_, (_, used))| *used).map(|(hash, _)| *hash);
            oldest.and_then(|oldest| entries.bundles.remove(&oldest));
        }
    }
}
