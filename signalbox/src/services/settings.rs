//! Settings of the adapters and of the API, taken from the configuration.

use super::backend_kinds::BackendKinds;
use crate::config::Config;
use crate::failure::Failure;
use adapters::{amqp, redis};
use tokio_util::sync::CancellationToken;

/// How the store shall be used.
pub fn store_settings(config: &Config) -> redis::Settings {
    redis::Settings {
        connections: config.redis.connections,
        response_timeout: config.redis.response_timeout.0,
        dedup_rotation: config.engine.dedup_rotation.0,
        ended_retention: config.engine.ended_retention.0,
        feed_length: config.engine.feed_length,
        ..redis::Settings::new(&config.redis.url, config.engine.shards)
    }
}

/// How the broker shall be used; `name` is what it shows as the connection's name.
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
    api::Config { keys, store: kinds.store, bus: kinds.bus, feed_length: config.engine.feed_length, shutdown }
}

/// What a single role needs: state and bus that other processes share.
///
/// # Errors
/// redis.url or amqp.url is not set.
pub fn require_servers(config: &Config) -> Result<(), Failure> {
    let needs = [
        ("redis.url", &config.redis.url, "state", "SIGNALBOX_REDIS__URL=redis://127.0.0.1:6379"),
        ("amqp.url", &config.amqp.url, "bus", "SIGNALBOX_AMQP__URL=amqp://guest:guest@127.0.0.1:5672/%2f"),
    ];
    match needs.into_iter().find(|(_, value, ..)| value.is_empty()) {
        None => Ok(()),
        Some((key, _, what, example)) => Err(Failure::usage(format!(
            "{key} is not set: a role in a process of its own shares its {what} with the others, and what is embedded belongs to one process. \
             Set it, for example {example}, or run everything in one process: signalbox serve"
        ))),
    }
}
