//! Reads the settings of a Redis server that start-up refuses or warns about.

use super::connections::{connection_info, to_store};
use super::settings::Address;
use common::StoreError;
use redis::Client;
use std::collections::BTreeMap;
use std::time::Duration;

/// Version and settings of a server on which the promises of the store depend.
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

/// Reads version and settings of the server.
///
/// # Errors
/// The server does not answer within three seconds, or refuses; the reason is in its words.
pub async fn inspect(address: &Address) -> Result<Facts, StoreError> {
    let operation = "inspect Redis";
    let client = Client::open(connection_info(address)?).map_err(|e| to_store(operation, &e))?;
    let reading = async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        let info: String = redis::cmd("INFO").query_async(&mut connection).await?;
        let settings: BTreeMap<String, String> =
            redis::cmd("CONFIG").arg("GET").arg("*").query_async(&mut connection).await?;
        Ok((info, settings))
    };
    let (info, settings) = tokio::time::timeout(Duration::from_secs(3), reading)
        .await
        .map_err(|_| StoreError::Unanswered { operation, reason: "no answer within 3 s".into() })?
        .map_err(|error: redis::RedisError| to_store(operation, &error))?;
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
