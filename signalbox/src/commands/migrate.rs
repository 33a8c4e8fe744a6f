//! `signalbox migrate`: creates what is needed at broker and store; safe to repeat.

use crate::cli::Context;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::line;
use crate::services::{
    bus_settings, need_amqp, need_redis, preflight, store_settings, unreachable_store, unusable_topology,
};
use adapters::amqp::topology;
use adapters::redis::{self, Store};

pub async fn run(context: &Context) -> Result<(), Failure> {
    for done in migrate(context.config()).await? {
        line(&done);
    }
    line("done: roles can start");
    Ok(())
}

/// The lines say what was done.
///
/// # Errors
/// A service cannot be used, or has something of ours with other arguments; that is left as it is.
pub async fn migrate(config: &Config) -> Result<Vec<String>, Failure> {
    need_redis(config)?;
    need_amqp(config)?;
    let facts = redis::inspect(&config.redis.url).await.map_err(|error| unreachable_store(config, &error))?;
    if let Some(refusal) = preflight::too_old(&facts) {
        return Err(Failure::Failed(refusal));
    }
    let store = Store::connect(store_settings(config))?;
    let before = store.installed().await?;
    let installed = store.install().await?;
    preflight::installed_shards(Some(installed), config.engine.shards).map_err(Failure::Failed)?;
    let verb = if before.is_some() { "found" } else { "installed" };
    let mut lines = vec![format!("redis: {verb} {installed} shards")];
    let settings = bus_settings(config, "signalbox migrate");
    let declared = topology::migrate(&config.amqp.url, &settings)
        .await
        .map_err(|error| unusable_topology(config, &error))?;
    lines.extend(declared.into_iter().map(|done| format!("amqp: {done}")));
    Ok(lines)
}
