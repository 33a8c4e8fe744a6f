//! The store: connections, scripts and wakeups of one Redis server.

use super::calls::{Calls, Operation};
use super::connections::Connections;
use super::metrics;
use super::reply::Reply;
use super::scripts::Scripts;
use super::settings::Settings;
use super::wakeups::Subscription;
use common::member::{Member, written_format};
use common::{ActiveflowId, Shard, StoreError};
use redis::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

pub struct Store {
    pub(super) settings: Settings,
    pub(super) connections: Arc<Connections>,
    pub(super) scripts: Arc<Scripts>,
    calls: Arc<Calls>,
    pub(super) wakeups: Subscription,
    /// The format in which this process writes: every member on the last list reads it.
    writes: Arc<AtomicU8>,
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
        // Until the members are known, the oldest: every one of them reads it.
        let writes = Arc::new(AtomicU8::new(settings.formats.0));
        let calls = Calls::new(connections.clone(), scripts.clone(), settings.clone(), writes.clone());
        let calls = Arc::new(calls);
        let wakeups = Subscription::new(&settings)?;
        Ok(Store { settings, connections, scripts, calls, wakeups, writes })
    }

    /// The format in which this process writes.
    pub(super) fn writes(&self) -> u8 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Chooses the format to write from the members that live now.
    pub(super) fn learn_formats(&self, members: &[Member]) {
        let writes = written_format(self.settings.formats, members);
        let before = self.writes.swap(writes, Ordering::Relaxed);
        if before != writes {
            tracing::info!(
                before,
                writes,
                members = members.len(),
                "Records are written in the newest format that every member reads"
            );
        }
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
