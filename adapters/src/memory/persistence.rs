//! Persistence of the model: what happens to the records that an operation changed.

use super::model::Model;
use common::{ActiveflowId, StoreError};
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Writer of the records that an operation changed.
pub trait Persistence: Send + Sync {
    /// Handle of one write; [`Persistence::wait`] waits for it.
    type Written: Send;

    /// Lets an operation begin.
    ///
    /// # Errors
    /// [`StoreError::Refused`] while nothing can be written.
    fn admit(&self, operation: &'static str) -> Result<(), StoreError>;

    /// Lets an event start an activeflow.
    ///
    /// # Errors
    /// [`StoreError::Full`] while there is no room for another one.
    fn admit_start(&self, _model: &Model) -> Result<(), StoreError> {
        Ok(())
    }

    /// Writes the changes of one operation. Called under the model's lock, in the order of the operations.
    fn write(&self, model: &mut Model) -> Self::Written;

    /// Waits until this write and all earlier ones survive the end of the process.
    ///
    /// # Errors
    /// [`StoreError::Unanswered`] when the write may still happen.
    fn wait(
        &self,
        operation: &'static str,
        written: Self::Written,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Writes nothing: everything is in memory only.
pub struct NoPersistence;

impl Persistence for NoPersistence {
    type Written = ();

    fn admit(&self, _: &'static str) -> Result<(), StoreError> {
        Ok(())
    }

    fn write(&self, model: &mut Model) {
        model.forget_changes();
    }

    async fn wait(&self, _: &'static str, (): ()) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Writes nothing, and collects the ids of the activeflows that changed.
#[derive(Default)]
pub struct ChangeTracker(Mutex<BTreeSet<ActiveflowId>>);

impl Persistence for ChangeTracker {
    type Written = ();

    fn admit(&self, _: &'static str) -> Result<(), StoreError> {
        Ok(())
    }

    fn write(&self, model: &mut Model) {
        let changed = model.take_changed();
        model.forget_changes();
        self.lock().extend(changed);
    }

    async fn wait(&self, _: &'static str, (): ()) -> Result<(), StoreError> {
        Ok(())
    }
}

impl ChangeTracker {
    /// Returns the activeflows that changed since the last call.
    pub(super) fn take(&self) -> BTreeSet<ActiveflowId> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<ActiveflowId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
