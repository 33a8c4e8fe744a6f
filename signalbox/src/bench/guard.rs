//! Checks that the configured services are unused: a bench beside real activeflows would take their events.

use crate::config::{Config, masked_url};
use crate::failure::Failure;
use crate::services::{redis_address, unreachable_store, unusable_broker};
use adapters::amqp::inspect;
use adapters::redis::Server;

/// Whether the services are empty.
///
/// # Errors
/// A service cannot be reached, or holds data and `yes` is not set.
pub async fn check_unused(config: &Config, yes: bool) -> Result<bool, Failure> {
    let mut found = Vec::new();
    if !config.redis.url.is_empty() {
        let keys = keys(config).await?;
        if keys > 0 {
            found.push(format!("Redis at {} holds {keys} keys", masked_url(&config.redis.url)));
        }
    }
    if !config.amqp.url.is_empty() {
        let url = &config.amqp.url;
        let queues = inspect::queues(url).await.map_err(|error| unusable_broker(config, &error))?;
        for queue in queues.iter().filter(|queue| queue.messages > 0 || queue.consumers > 0) {
            found.push(format!(
                "{} at {} has {} messages and {} consumers",
                queue.name,
                masked_url(url),
                queue.messages,
                queue.consumers
            ));
        }
    }
    if found.is_empty() || yes {
        return Ok(found.is_empty());
    }
    Err(Failure::usage(format!(
        "{}: somebody else uses these services.\n       \
         The bench would deploy three flows of its own, publish thousands of events to signalbox.events, run every role in this \
         process (its dispatcher takes whatever else waits there, its executors work on other activeflows too), remove flows and \
         routes at the end, and leave the ended activeflows until engine.ended_retention.\n       \
         Use empty services, or none (redis.url and amqp.url empty: a data folder of its own); or say --yes",
        found.join("; ")
    )))
}

async fn keys(config: &Config) -> Result<u64, Failure> {
    let server = Server::connect(&redis_address(config)).await;
    let server = server.map_err(|error| unreachable_store(config, &error))?;
    Ok(server.keys().await?)
}
