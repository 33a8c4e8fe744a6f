//! The store: connections, scripts and wakeups of one Redis server.

use super::connections::Connections;
use super::scripts::Scripts;
use super::settings::Settings;
use super::wakeups::Subscription;
use super::{keys, metrics};
use common::{ActiveflowId, Shard, StoreError};
use redis::{Script, ScriptInvocation, Value};

pub struct Store {
    pub(super) settings: Settings,
    pub(super) connections: Connections,
    pub(super) scripts: Scripts,
    pub(super) wakeups: Subscription,
}

impl Store {
    /// Succeeds while Redis is unreachable: calls then fail with `Unanswered` until it is back. Needs a tokio runtime.
    ///
    /// # Errors
    /// The URL is invalid.
    pub fn connect(settings: Settings) -> Result<Store, StoreError> {
        metrics::describe();
        let connections = Connections::new(&settings)?;
        let wakeups = Subscription::new(&settings)?;
        Ok(Store { settings, connections, scripts: Scripts::default(), wakeups })
    }

    /// Starts an invocation on a shard, with the two arguments that record.lua reads.
    pub(super) fn on<'a>(&self, script: &'a Script, shard: Shard) -> ScriptInvocation<'a> {
        let mut call = script.key(keys::shard(shard));
        let now = self.settings.clock.as_ref().map(|clock| clock.now().as_micros().to_string());
        call.arg(now.unwrap_or_default()).arg(self.settings.format);
        call
    }

    pub(super) async fn invoke(
        &self,
        operation: &'static str,
        call: &ScriptInvocation<'_>,
    ) -> Result<Value, StoreError> {
        self.connections.run(operation, async |connection| call.invoke_async(connection).await).await
    }

    pub(super) fn shard_of(&self, id: ActiveflowId) -> Shard {
        id.shard(self.settings.shards)
    }
}
