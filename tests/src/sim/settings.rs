//! Settings of the roles: short leases and little room, so that much happens in little time. Executors differ.

use super::world::{LEASE, SHARDS};
use crate::carrier::Dice;
use std::collections::BTreeMap;
use std::time::Duration;

pub fn dispatcher(place: &str) -> dispatcher::Config {
    dispatcher::Config {
        instance: place.into(),
        realms: BTreeMap::new(),
        max_in_flight: 8,
        backlog_high: 100,
        backlog_low: 50,
        heartbeat_interval: Duration::from_millis(700),
        shutdown_grace: Duration::from_secs(2),
    }
}

pub fn executor(place: &str, dice: &mut Dice) -> executor::Config {
    executor::Config {
        instance: place.into(),
        shards: SHARDS,
        capacity: *dice.pick(&[1, 3, 8, 40]),
        resumes: 2,
        // Never fewer than lead to the first prompt: a digit that comes between would skip it, as type-ahead does.
        actions_per_commit: *dice.pick(&[4, 5, 256, 256]),
        confirm_timeout: Duration::from_secs(4),
        bundles: 10,
        heartbeat_interval: Duration::from_millis(700),
        poll_interval: Duration::from_secs(1),
        lease: LEASE,
        retry_after: Duration::from_millis(500),
        shutdown_grace: Duration::from_secs(2),
    }
}

pub fn scheduler(place: &str) -> scheduler::Config {
    scheduler::Config {
        instance: place.into(),
        shards: SHARDS,
        lease: LEASE,
        heartbeat_interval: Duration::from_millis(700),
        poll_interval: Duration::from_secs(1),
        windows_interval: Duration::from_secs(5),
        depth_interval: Duration::from_secs(10),
    }
}
