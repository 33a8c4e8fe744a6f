//! A bounded cache of compiled bundles.

use common::StoreError;
use common::cache::Cache;
use common::identity::hex;
use common::ports::Catalogue;
use flow::Bundle;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub struct BundleCache {
    catalogue: Arc<dyn Catalogue>,
    bundles: Cache<[u8; 32], Arc<Bundle>>,
}

/// Maximum of memory that cached bundles take, in bytes.
const MAX_BYTES: usize = 256 * 1024 * 1024;

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
        BundleCache { catalogue, bundles: Cache::new(capacity, MAX_BYTES) }
    }

    /// # Errors
    /// See [`BundleError`].
    pub async fn get(&self, hash: &[u8; 32]) -> Result<Arc<Bundle>, BundleError> {
        if let Some(bundle) = self.bundles.get(hash) {
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
        self.bundles.insert(*hash, bundle.clone(), bundle.memory());
        Ok(bundle)
    }
}
