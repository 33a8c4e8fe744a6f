//! Settings of the roles: short leases and small limits, so that much happens in a short time. Executors differ.

use super::simulation::{LEASE, SHARDS};
use crate::rng::Rng;
use std::time::Duration;

pub fn dispatcher(instance: &str) -> dispatcher::Config {
    dispatcher::Config {
        instance: instance.into(),
        realms: dispatcher::Realms::default(),
        max_in_flight: 8,
        backlog_high: 100,
        backlog_low: 50,
        heartbeat_interval: Duration::from_millis(700),
        shutdown_grace: Duration::from_secs(2),
    }
}

pub fn executor(instance: &str, rng: &mut Rng) -> executor::Config {
    executor::Config {
        instance: instance.into(),
        shards: SHARDS,
        capacity: *rng.pick(&[1, 3, 8, 40]),
        resumes: 2,
        // At least the actions before the first prompt: a digit that arrives between two commits would skip it.
        actions_per_commit: *rng.pick(&[4, 5, 256, 256]),
        messages_per_minute: 20,
        confirm_timeout: Duration::from_secs(4),
        bundles: 10,
        heartbeat_interval: Duration::from_millis(700),
        poll_interval: Duration::from_secs(1),
        lease: LEASE,
        retry_after: Duration::from_millis(500),
        shutdown_grace: Duration::from_secs(2),
    }
}

pub fn scheduler(instance: &str) -> scheduler::Config {
    scheduler::Config {
        instance: instance.into(),
        shards: SHARDS,
        lease: LEASE,
        heartbeat_interval: Duration::from_millis(700),
        poll_interval: Duration::from_secs(1),
        windows_interval: Duration::from_secs(5),
        depth_interval: Duration::from_secs(10),
    }
}
