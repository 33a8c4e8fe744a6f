//! Errors of the services, with the setting that names the service.

use crate::config::{Config, masked_url};
use crate::failure::Failure;
use adapters::amqp::topology::TopologyError;
use adapters::redis::TLS;
use common::StoreError;

/// `the state store at redis://127.0.0.1:6379 (redis.url)`
pub fn store_at(config: &Config) -> String {
    format!("the state store at {} (redis.url)", masked_url(&config.redis.url))
}

/// `the broker at amqp://guest:***@127.0.0.1:5672/%2f (amqp.url)`
pub fn broker_at(config: &Config) -> String {
    format!("the broker at {} (amqp.url)", masked_url(&config.amqp.url))
}

/// What to do if there is no trusted TLS connection to Redis.
pub const TLS_ADVICE: &str = "redis.ca_file must name the file (PEM) of the authority that signed the server's certificate, which must be \
                              valid for the host in redis.url; a port without TLS needs redis://";

pub fn unreachable_store(config: &Config, error: &StoreError) -> Failure {
    let reason = reason(error);
    let advice = match reason.starts_with(TLS) {
        true => TLS_ADVICE,
        false => "Is it Redis, is it running, and are the user and password correct?",
    };
    Failure::failed(format!("{} cannot be used: {reason}. {advice}", store_at(config)))
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
    Failure::failed(format!("{} cannot be used: {error}", broker_at(config)))
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
