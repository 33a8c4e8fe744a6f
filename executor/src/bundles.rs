//! Compiled bundles: fetched on a miss, shared, bounded.

use common::StoreError;
use common::identity::hex;
use common::ports::Catalogue;
use flow::Bundle;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

pub struct Bundles {
    catalogue: Arc<dyn Catalogue>,
    capacity: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Counts uses; the least recently used goes first.
    uses: u64,
    bundles: HashMap<[u8; 32], (Arc<Bundle>, u64)>,
}

/// Why a bundle cannot be had now. A later try may succeed: after a publication, or an upgrade of this binary.
#[derive(Debug, thiserror::Error)]
pub enum NoBundle {
    #[error("bundle {hash} is not in the store")]
    Missing { hash: String },
    #[error("bundle {hash} cannot be read by this binary: {why}")]
    Unreadable { hash: String, why: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Bundles {
    pub fn new(catalogue: Arc<dyn Catalogue>, capacity: usize) -> Bundles {
        Bundles { catalogue, capacity: capacity.max(1), kept: Mutex::default() }
    }

    /// # Errors
    /// See [`NoBundle`].
    pub async fn get(&self, hash: &[u8; 32]) -> Result<Arc<Bundle>, NoBundle> {
        if let Some(bundle) = self.kept(hash) {
            return Ok(bundle);
        }
        let name = hex(hash);
        let Some(bytes) = self.catalogue.bundle(&name).await? else {
            return Err(NoBundle::Missing { hash: name });
        };
        let compiled = catch_unwind(AssertUnwindSafe(|| Bundle::from_bytes(&bytes)));
        let compiled = compiled
            .map_or_else(|_| Err("compiling it panicked".into()), |read| read.map_err(|e| e.to_string()));
        let bundle = compiled.map(Arc::new).map_err(|why| NoBundle::Unreadable { hash: name, why })?;
        self.keep(*hash, bundle.clone());
        Ok(bundle)
    }

    fn kept(&self, hash: &[u8; 32]) -> Option<Arc<Bundle>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let uses = kept.uses;
        let (bundle, used) = kept.bundles.get_mut(hash)?;
        *used = uses;
        Some(bundle.clone())
    }

    fn keep(&self, hash: [u8; 32], bundle: Arc<Bundle>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let uses = kept.uses;
        kept.bundles.insert(hash, (bundle, uses));
        if kept.bundles.len() > self.capacity {
            let oldest = kept.bundles.iter().min_by_key(|(_, (_, used))| *used).map(|(hash, _)| *hash);
            oldest.and_then(|oldest| kept.bundles.remove(&oldest));
        }
    }
}
