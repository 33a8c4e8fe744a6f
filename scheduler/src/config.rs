//! Settings of a scheduler.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Config {
    /// Name of this process in the member list: `host:pid`.
    pub instance: String,
    /// Number of shards, as in the installed store.
    pub shards: u16,
    /// Time without a heartbeat after which a member counts as dead.
    pub lease: Duration,
    /// Interval between heartbeats.
    pub heartbeat_interval: Duration,
    /// Interval between sweeps of every shard, with or without a wakeup.
    pub poll_interval: Duration,
    /// Interval between checks of the routes' windows.
    pub windows_interval: Duration,
    /// Interval between measurements of the shards' depth.
    pub depth_interval: Duration,
}
