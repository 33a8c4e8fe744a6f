//! The store: connections, scripts and wakeups of one Redis server.

use super::calls::{Calls, Operation};
use super::connections::Connections;
use super::metrics;
use super::reply::Reply;
use super::scripts::Scripts;
use super::settings::Settings;
use super::wakeups::Subscription;
use common::{ActiveflowId, Shard, StoreError};
use redis::Value;
use std::sync::Arc;

pub struct Store {
    pub(super) settings: Settings,
    pub(super) connections: Arc<Connections>,
    pub(super) scripts: Arc<Scripts>,
    calls: Arc<Calls>,
    pub(super) wakeups: Subscription,
}

impl Store {
    /// Succeeds while Redis is unreachable: calls then fail with `Unanswered` until it is back. Needs a tokio runtime.
    ///
    /// # Errors
    /// The URL is invalid.
    pub fn connect(settings: Settings) -> Result<Store, StoreError> {
        metrics::describe();
        let connections = Arc::new(Connections::new(&settings)?);
        let scripts = Arc::new(Scripts::default());
        let calls = Arc::new(Calls::new(connections.clone(), scripts.clone(), settings.clone()));
        let wakeups = Subscription::new(&settings)?;
        Ok(Store { settings, connections, scripts, calls, wakeups })
    }

    pub(super) async fn call(&self, shard: Shard, operation: Operation) -> Result<Value, StoreError> {
        self.calls.call(shard, operation).await
    }

    /// Like [`Store::call`], for an operation that answers with a list.
    pub(super) async fn list_of(&self, shard: Shard, operation: Operation) -> Result<Reply, StoreError> {
        let name = operation.name();
        Reply::new(name, self.call(shard, operation).await?)
    }

    pub(super) fn shard_of(&self, id: ActiveflowId) -> Shard {
        id.shard(self.settings.shards)
    }
}
