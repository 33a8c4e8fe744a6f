//! Installs the store with its number of shards, and probes it for readiness.

use super::keys;
use super::store::Store;
use common::StoreError;
use std::time::{Duration, Instant};

impl Store {
    /// Writes the number of shards if none is installed. Returns the installed number.
    pub async fn install(&self) -> Result<u16, StoreError> {
        let mut pipe = redis::pipe();
        pipe.atomic()
            .hset_nx(keys::DEFINITIONS, "shards", self.settings.shards)
            .ignore()
            .hget(keys::DEFINITIONS, "shards");
        let (shards,): (u16,) =
            self.connections.run("install", async |connection| pipe.query_async(connection).await).await?;
        Ok(shards)
    }

    /// Reads the installed number of shards.
    pub async fn installed(&self) -> Result<Option<u16>, StoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(keys::DEFINITIONS).arg("shards");
        self.connections
            .run("read the installation", async |connection| command.query_async(connection).await)
            .await
    }

    /// Measures one write: reads still succeed when a full disk refuses writes.
    pub async fn ping(&self) -> Result<Duration, StoreError> {
        let started = Instant::now();
        let mut command = redis::cmd("HSET");
        command.arg(keys::DEFINITIONS).arg("pinged").arg(1);
        let _: i64 =
            self.connections.run("ping", async |connection| command.query_async(connection).await).await?;
        Ok(started.elapsed())
    }
}
