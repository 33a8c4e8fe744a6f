//! Redis and RabbitMQ: set up, checked and opened.

use super::errors::{unreachable_store, unusable_broker, unusable_topology};
use super::preflight;
use super::settings::{bus_settings, store_settings};
use crate::config::Config;
use crate::failure::{Failure, lines};
use adapters::amqp::{self, admin, topology};
use adapters::redis;
use preflight::Problem;

/// Sets up the configured servers, and returns one line for each thing done.
///
/// # Errors
/// A server cannot be used, or has a queue or store with other arguments. Those are not changed.
pub async fn migrate(config: &Config) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    if !config.redis.url.is_empty() {
        lines.push(migrate_redis(config).await?);
    }
    if !config.amqp.url.is_empty() {
        let settings = bus_settings(config, "signalbox migrate");
        let declared = topology::migrate(&config.amqp.url, &settings).await;
        let declared = declared.map_err(|error| unusable_topology(config, &error))?;
        lines.extend(declared.into_iter().map(|done| format!("amqp: {done}")));
    }
    Ok(lines)
}

async fn migrate_redis(config: &Config) -> Result<String, Failure> {
    let facts = redis::inspect(&config.redis.url).await.map_err(|error| unreachable_store(config, &error))?;
    if let Some(refusal) = preflight::too_old(&facts) {
        return Err(Failure::Failed(refusal));
    }
    let store = redis::Store::connect(store_settings(config))?;
    let before = store.installed().await?;
    let installed = store.install().await?;
    preflight::installed_shards(Some(installed), config.engine.shards).map_err(Failure::Failed)?;
    let verb = if before.is_some() { "found" } else { "installed" };
    Ok(format!("redis: {verb} {installed} shards"))
}

/// Opens the store for a single command. Its durability is not checked.
///
/// # Errors
/// Redis cannot be reached, is too old, or is installed with another number of shards.
pub async fn open_store(config: &Config) -> Result<redis::Store, Failure> {
    let facts = redis::inspect(&config.redis.url).await.map_err(|error| unreachable_store(config, &error))?;
    if let Some(refusal) = preflight::too_old(&facts) {
        return Err(Failure::Failed(refusal));
    }
    let store = redis::Store::connect(store_settings(config))?;
    preflight::installed_shards(store.installed().await?, config.engine.shards).map_err(Failure::Failed)?;
    Ok(store)
}

/// Opens the store for roles. Logs warnings about its durability.
///
/// # Errors
/// Redis cannot be reached, is installed with another number of shards, or would lose confirmed writes.
pub async fn open_redis(config: &Config) -> Result<redis::Store, Failure> {
    let facts = redis::inspect(&config.redis.url).await.map_err(|error| unreachable_store(config, &error))?;
    let mut refused = Vec::new();
    for problem in preflight::redis_problems(&facts, config.redis.accept_loss) {
        match problem {
            Problem::Fatal(why) => refused.push(why),
            Problem::Warning(why) => tracing::warn!("{why}"),
        }
    }
    if !refused.is_empty() {
        return Err(Failure::failed(lines(&refused)));
    }
    let store = redis::Store::connect(store_settings(config))?;
    preflight::installed_shards(store.installed().await?, config.engine.shards).map_err(Failure::Failed)?;
    Ok(store)
}

/// Opens the bus for roles.
///
/// # Errors
/// RabbitMQ cannot be reached, is too old, or has another topology.
pub async fn open_amqp(config: &Config, name: &str) -> Result<amqp::Bus, Failure> {
    let settings = bus_settings(config, name);
    let version = admin::probe(&config.amqp.url).await.map_err(|error| unusable_broker(config, &error))?;
    if let Some(refusal) = preflight::broker_too_old(&version) {
        return Err(Failure::Failed(refusal));
    }
    topology::check(&config.amqp.url, &settings).await.map_err(|error| unusable_topology(config, &error))?;
    Ok(amqp::Bus::connect(settings))
}
