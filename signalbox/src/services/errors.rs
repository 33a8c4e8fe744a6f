//! Errors of the services, with the setting that names the service.

use crate::config::{Config, masked_url};
use crate::failure::Failure;
use adapters::amqp::topology::TopologyError;
use common::StoreError;

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
