//! A store that loses every answer once: the operation happened, the caller got no answer, and repeats it with the same arguments.

use async_trait::async_trait;
use common::StoreError;
use common::ports::StateStore;
use common::ports::intercepted::{Interceptor, Operation, Run};
use std::any::Any;
use std::sync::Arc;

pub struct Ambiguous(pub Arc<dyn StateStore>);

#[async_trait]
impl Interceptor for Ambiguous {
    fn store(&self) -> Arc<dyn StateStore> {
        self.0.clone()
    }

    async fn call<T: Any + Send + Sync>(
        &self,
        operation: Arc<Operation>,
        run: Run<T>,
    ) -> Result<T, StoreError> {
        let first = run(self.store(), operation.clone()).await?;
        let second = run(self.store(), operation.clone()).await?;
        // A repeated sweep finds nothing left to do, so only the first answer shows the work.
        Ok(if matches!(*operation, Operation::Sweep { .. }) { first } else { second })
    }
}
