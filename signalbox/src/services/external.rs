//! Redis and RabbitMQ: set up, checked and opened.

use super::errors::{broker_at, reason, store_at, unreachable_store, unusable_broker, unusable_topology};
use super::preflight;
use super::settings::{bus_settings, redis_address, store_settings};
use super::startup::{Service, Startup, Unopened, opened};
use crate::config::Config;
use crate::failure::{Failure, lines};
use adapters::amqp::topology::TopologyError;
use adapters::amqp::{self, admin, topology};
use adapters::redis;
use common::StoreError;
use preflight::Problem;

/// Sets up the configured servers, and returns one line for each thing done. Waits for servers that are away if this is the
/// `startup` of a role.
///
/// # Errors
/// A server cannot be used, or has a queue or store with other arguments. Those are not changed.
pub async fn migrate(config: &Config, startup: Option<&Startup>) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    if !config.redis.url.is_empty() {
        lines.push(opened(startup, &store(config), async || migrate_redis(config).await).await?);
    }
    if !config.amqp.url.is_empty() {
        let settings = bus_settings(config, "signalbox migrate");
        let broker = broker(config);
        let declared = opened(startup, &broker, async || {
            let declared = topology::migrate(&config.amqp.url, &settings).await;
            declared.map_err(|error| topology_failed(config, &error))
        });
        lines.extend(declared.await?.into_iter().map(|done| format!("amqp: {done}")));
    }
    Ok(lines)
}

async fn migrate_redis(config: &Config) -> Result<String, Unopened> {
    let facts = redis::inspect(&redis_address(config)).await.map_err(|error| store_failed(config, error))?;
    if let Some(refusal) = preflight::too_old(&facts) {
        return Err(Failure::Failed(refusal).into());
    }
    let store = redis::Store::connect(store_settings(config))?;
    let before = store.installed().await.map_err(call_failed)?;
    let installed = store.install().await.map_err(call_failed)?;
    preflight::installed_shards(Some(installed), config.engine.shards).map_err(Failure::Failed)?;
    let verb = if before.is_some() { "found" } else { "installed" };
    Ok(format!("redis: {verb} {installed} shards"))
}

/// Opens the store for a single command. Its durability is not checked.
///
/// # Errors
/// Redis cannot be reached, is too old, or is installed with another number of shards.
pub async fn open_store(config: &Config) -> Result<redis::Store, Failure> {
    let facts =
        redis::inspect(&redis_address(config)).await.map_err(|error| unreachable_store(config, &error))?;
    if let Some(refusal) = preflight::too_old(&facts) {
        return Err(Failure::Failed(refusal));
    }
    let store = redis::Store::connect(store_settings(config))?;
    preflight::installed_shards(store.installed().await?, config.engine.shards).map_err(Failure::Failed)?;
    Ok(store)
}

/// Opens the store for roles. Logs warnings about its durability. Waits while Redis is away, if this is the `startup` of a role.
///
/// # Errors
/// Redis cannot be reached, is installed with another number of shards, or would lose confirmed writes.
pub async fn open_redis(config: &Config, startup: Option<&Startup>) -> Result<redis::Store, Failure> {
    let (store, warnings) = opened(startup, &store(config), async || checked_redis(config).await).await?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(store)
}

/// The store, and what weakens its promises.
async fn checked_redis(config: &Config) -> Result<(redis::Store, Vec<String>), Unopened> {
    let facts = redis::inspect(&redis_address(config)).await.map_err(|error| store_failed(config, error))?;
    let (mut refused, mut warnings) = (Vec::new(), Vec::new());
    for problem in preflight::redis_problems(&facts, config.redis.accept_loss) {
        match problem {
            Problem::Fatal(why) => refused.push(why),
            Problem::Warning(why) => warnings.push(why),
        }
    }
    if !refused.is_empty() {
        return Err(Failure::failed(lines(&refused)).into());
    }
    let store = redis::Store::connect(store_settings(config))?;
    let installed = store.installed().await.map_err(call_failed)?;
    preflight::installed_shards(installed, config.engine.shards).map_err(Failure::Failed)?;
    Ok((store, warnings))
}

/// Opens the bus for roles. Waits while RabbitMQ is away, if this is the `startup` of a role.
///
/// # Errors
/// RabbitMQ cannot be reached, is too old, or has another topology.
pub async fn open_amqp(config: &Config, name: &str, startup: Option<&Startup>) -> Result<amqp::Bus, Failure> {
    let settings = bus_settings(config, name);
    opened(startup, &broker(config), async || checked_amqp(config, &settings).await).await?;
    Ok(amqp::Bus::connect(settings))
}

async fn checked_amqp(config: &Config, settings: &amqp::Settings) -> Result<(), Unopened> {
    let version = admin::probe(&config.amqp.url).await.map_err(|error| {
        let failure = unusable_broker(config, &error);
        if error.is_away() { away(error.to_string(), failure) } else { failure.into() }
    })?;
    if let Some(refusal) = preflight::broker_too_old(&version) {
        return Err(Failure::Failed(refusal).into());
    }
    let checked = topology::check(&config.amqp.url, settings).await;
    checked.map_err(|error| topology_failed(config, &error))
}

fn store(config: &Config) -> Service {
    Service { check: "store", shown: store_at(config) }
}

fn broker(config: &Config) -> Service {
    Service { check: "broker", shown: broker_at(config) }
}

fn store_failed(config: &Config, error: StoreError) -> Unopened {
    let failure = unreachable_store(config, &error);
    if redis::is_away(&error) { away(reason(&error), failure) } else { failure.into() }
}

/// The failure of a call to a server that has answered before.
fn call_failed(error: StoreError) -> Unopened {
    if redis::is_away(&error) { away(reason(&error), error.into()) } else { error.into() }
}

fn topology_failed(config: &Config, error: &TopologyError) -> Unopened {
    let failure = unusable_topology(config, error);
    if error.is_away() { away(error.to_string(), failure) } else { failure.into() }
}

fn away(reason: String, failure: Failure) -> Unopened {
    Unopened::Away { reason, failure }
}
