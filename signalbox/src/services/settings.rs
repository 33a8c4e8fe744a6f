//! Settings of the adapters and of the API, taken from the configuration.

use super::backend_kinds::BackendKinds;
use crate::config::Config;
use crate::failure::Failure;
use adapters::{amqp, redis};
use tokio_util::sync::CancellationToken;

/// Address of Redis.
pub fn redis_address(config: &Config) -> redis::Address {
    let ca_file = &config.redis.ca_file;
    redis::Address { url: config.redis.url.clone(), ca_file: (!ca_file.is_empty()).then(|| ca_file.into()) }
}

/// Settings of the Redis store.
pub fn store_settings(config: &Config) -> redis::Settings {
    redis::Settings {
        address: redis_address(config),
        connections: config.redis.connections,
        response_timeout: config.redis.response_timeout.0,
        dedup_rotation: config.engine.dedup_rotation.0,
        ended_retention: config.engine.ended_retention.0,
        feed_length: config.engine.feed_length,
        ..redis::Settings::new(&config.redis.url, config.engine.shards)
    }
}

/// Settings of the AMQP bus; `name` is the connection name at the broker.
pub fn bus_settings(config: &Config, name: &str) -> amqp::Settings {
    let amqp = &config.amqp;
    amqp::Settings {
        url: amqp.url.clone(),
        events_max_bytes: amqp.events_max_bytes.0,
        rejected_max_bytes: amqp.rejected_max_bytes.0,
        unrouted_max_bytes: amqp.unrouted_max_bytes.0,
        prefetch: amqp.prefetch,
        confirm_timeout: amqp.confirm_timeout.0,
        heartbeat: u16::try_from(amqp.heartbeat.0.as_secs()).unwrap_or(u16::MAX),
        name: name.to_owned(),
    }
}

/// Settings of the REST interface of this installation.
pub fn api_settings(
    config: &Config,
    keys: Vec<api::Key>,
    kinds: BackendKinds,
    shutdown: CancellationToken,
) -> api::Config {
    api::Config {
        keys,
        hosts: api::AllowedHosts::new(&config.api.hosts),
        store: kinds.store,
        bus: kinds.bus,
        feed_length: config.engine.feed_length,
        shutdown,
    }
}

/// Checks that both servers are set, because a single role shares state and bus with other processes.
///
/// # Errors
/// redis.url or amqp.url is not set.
pub fn require_servers(config: &Config) -> Result<(), Failure> {
    let needs = [
        ("redis.url", &config.redis.url, "state store", "SIGNALBOX_REDIS__URL=redis://127.0.0.1:6379"),
        ("amqp.url", &config.amqp.url, "bus", "SIGNALBOX_AMQP__URL=amqp://guest:guest@127.0.0.1:5672/%2f"),
    ];
    match needs.into_iter().find(|(_, value, ..)| value.is_empty()) {
        None => Ok(()),
        Some((key, _, what, example)) => Err(Failure::usage(format!(
            "{key} is not set: a role that runs in its own process needs a {what} that it can share with other processes. \
             Set {key}, for example {example}, or run everything in one process: signalbox serve"
        ))),
    }
}
