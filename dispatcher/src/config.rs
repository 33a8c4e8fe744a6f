//! Settings of a dispatcher.

use crate::realms::Realms;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Config {
    /// Name of this process in the member list: `host:pid`.
    pub instance: String,
    pub realms: Realms,
    /// Maximum number of events in process: running, or waiting for an earlier event of their reference.
    pub max_in_flight: usize,
    /// Number of ready activeflows above which a shard takes no event that would start one.
    pub backlog_high: u64,
    /// Number of ready activeflows at which a closed shard takes such events again.
    pub backlog_low: u64,
    /// Interval between heartbeats. New definitions are loaded at the same interval.
    pub heartbeat_interval: Duration,
    /// Maximum time after shutdown for the events that are running.
    pub shutdown_grace: Duration,
}
