//! Errors of the services, with the setting that names the service.

use crate::config::{Config, masked_url};
use crate::failure::Failure;
use adapters::amqp::topology::TopologyError;
use common::StoreError;

pub fn unreachable_store(config: &Config, error: &StoreError) -> Failure {
    Failure::failed(format!(
        "the state store at {} (redis.url) cannot be used: {}. Is it Redis, is it running, and are the user and password correct?",
        masked_url(&config.redis.url),
        reason(error)
    ))
}

/// Reason of a store error on one line, without the name of the operation.
pub fn reason(error: &StoreError) -> String {
    let why = match error {
        StoreError::Unanswered { reason, .. }
        | StoreError::Refused { reason, .. }
        | StoreError::Full { reason, .. } => reason,
        StoreError::Corrupt { what, .. } => what,
        StoreError::TooNew { .. } => return error.to_string(),
    };
    why.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Error of the broker, with its setting.
pub fn unusable_broker(config: &Config, error: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!(
        "the broker at {} (amqp.url) cannot be used: {error}",
        masked_url(&config.amqp.url)
    ))
}

/// Error of the topology, with the settings that cause it.
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
        keys.iter().map(|queue| format!("\n       the setting is amqp.{queue}_max_bytes")).collect();
    Failure::failed(format!("{error}{settings}"))
}
