//! What a server is set to: what start-up refuses or warns about.

use super::{Store, keys, link};
use common::StoreError;
use redis::Client;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Settings of a Redis server that decide which promises hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub version: (u16, u16, u16),
    pub appendonly: bool,
    pub appendfsync: String,
    pub maxmemory_policy: String,
    pub connected_replicas: u32,
    pub min_replicas_to_write: u32,
    pub cluster_enabled: bool,
}

/// Asks the server at `url`.
///
/// # Errors
/// It cannot be reached within three seconds, or refuses; the reason is the server's.
pub async fn inspect(url: &str) -> Result<Facts, StoreError> {
    let operation = "inspect Redis";
    let client = Client::open(link::connection_info(url)?).map_err(|e| link::to_store(operation, &e))?;
    let asking = async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        let info: String = redis::cmd("INFO").query_async(&mut connection).await?;
        let settings: BTreeMap<String, String> =
            redis::cmd("CONFIG").arg("GET").arg("*").query_async(&mut connection).await?;
        Ok((info, settings))
    };
    let (info, settings) = tokio::time::timeout(Duration::from_secs(3), asking)
        .await
        .map_err(|_| StoreError::Unanswered { operation, reason: "no answer within 3 s".into() })?
        .map_err(|error: redis::RedisError| link::to_store(operation, &error))?;
    Ok(facts(&info, &settings))
}

fn facts(info: &str, settings: &BTreeMap<String, String>) -> Facts {
    let stated = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_string()
    };
    let set = |name: &str| settings.get(name).cloned().unwrap_or_default();
    let mut version =
        stated("redis_version").split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u16>>();
    version.resize(3, 0);
    Facts {
        version: (version[0], version[1], version[2]),
        appendonly: set("appendonly") == "yes",
        appendfsync: set("appendfsync"),
        maxmemory_policy: set("maxmemory-policy"),
        connected_replicas: stated("connected_slaves").parse().unwrap_or(0),
        min_replicas_to_write: set("min-replicas-to-write").parse().unwrap_or(0),
        cluster_enabled: stated("cluster_enabled") == "1",
    }
}

impl Store {
    /// Writes the number of shards if none is installed; answers with what is.
    pub async fn install(&self) -> Result<u16, StoreError> {
        let mut pipe = redis::pipe();
        pipe.atomic()
            .hset_nx(keys::DEFINITIONS, "shards", self.settings.shards)
            .ignore()
            .hget(keys::DEFINITIONS, "shards");
        let (shards,): (u16,) =
            self.link.run("install", async |connection| pipe.query_async(connection).await).await?;
        Ok(shards)
    }

    /// The number of shards that is installed, if any.
    pub async fn installed(&self) -> Result<Option<u16>, StoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(keys::DEFINITIONS).arg("shards");
        self.link.run("read the installation", async |connection| command.query_async(connection).await).await
    }

    /// How long a write takes. Only a write shows that a full disk does not refuse them.
    pub async fn ping(&self) -> Result<Duration, StoreError> {
        let started = Instant::now();
        let mut command = redis::cmd("HSET");
        command.arg(keys::DEFINITIONS).arg("pinged").arg(1);
        let _: i64 = self.link.run("ping", async |connection| command.query_async(connection).await).await?;
        Ok(started.elapsed())
    }
}
