//! The real services, as the settings name them.

pub mod backends;
pub mod embedded;
pub mod external;
pub mod key;
pub mod preflight;

use crate::config::{Config, masked_url};
use crate::failure::Failure;
use adapters::amqp;
use adapters::amqp::topology::TopologyError;
use adapters::redis::{self, Store};
use common::StoreError;

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

/// What a single role needs: state and bus that other processes share.
///
/// # Errors
/// redis.url or amqp.url is not set.
pub fn need_servers(config: &Config) -> Result<(), Failure> {
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

/// The store of an installation that has been migrated, for a command that asks it something.
///
/// # Errors
/// It cannot be reached, is too old, or was installed otherwise.
pub async fn open_store(config: &Config) -> Result<Store, Failure> {
    let facts = redis::inspect(&config.redis.url).await.map_err(|error| unreachable_store(config, &error))?;
    if let Some(refusal) = preflight::too_old(&facts) {
        return Err(Failure::Failed(refusal));
    }
    let store = Store::connect(store_settings(config))?;
    preflight::installed_shards(store.installed().await?, config.engine.shards).map_err(Failure::Failed)?;
    Ok(store)
}

pub fn unreachable_store(config: &Config, error: &StoreError) -> Failure {
    Failure::failed(format!(
        "the state store at {} (redis.url) cannot be used: {}. Is it Redis, is it running, and are user and password right?",
        masked_url(&config.redis.url),
        reason(error)
    ))
}

/// Why nothing could be asked; that nothing happened is plain then.
pub fn reason(error: &StoreError) -> String {
    let why = match error {
        StoreError::Unanswered { reason, .. } | StoreError::Refused { reason, .. } => reason,
        StoreError::Corrupt { what, .. } => what,
        StoreError::TooNew { .. } => return error.to_string(),
    };
    why.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
}

/// A broker's error, with the setting that names it.
pub fn unusable_broker(config: &Config, error: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!(
        "the broker at {} (amqp.url) cannot be used: {error}",
        masked_url(&config.amqp.url)
    ))
}

/// What is wrong with the topology, with the settings that it comes from.
pub fn unusable_topology(config: &Config, error: &TopologyError) -> Failure {
    let TopologyError::Different { differences, .. } = error else { return unusable_broker(config, error) };
    let keys: Vec<&str> = ["events", "rejected", "unrouted"]
        .into_iter()
        .filter(|queue| {
            differences
                .iter()
                .any(|d| d.name.ends_with(queue) && d.argument == "x-max-length-bytes" && d.kind == "queue")
        })
        .collect();
    let settings: String =
        keys.iter().map(|queue| format!("\n       that is the setting amqp.{queue}_max_bytes")).collect();
    Failure::failed(format!("{error}{settings}"))
}

/// Where this process runs, for people: `host:pid`.
pub fn instance() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "localhost" } else { host.trim() };
    format!("{host}:{}", std::process::id())
}
