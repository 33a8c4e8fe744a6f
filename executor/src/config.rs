//! Settings of an executor.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Config {
    /// Name of this process in the member list: `host:pid`.
    pub instance: String,
    /// Number of shards, as in the installed store.
    pub shards: u16,
    /// Maximum number of activeflows claimed at once.
    pub capacity: usize,
    /// Number of times that a cursor resumes within one turn after it ran its maximum number of actions. Then other
    /// activeflows get their turn.
    pub resumes: u32,
    /// Maximum number of actions in one commit, from 1 to [`flow::step::limits::ACTIONS_PER_STEP`].
    pub actions_per_commit: u32,
    /// Maximum number of messages that activeflows send from one number to another within a minute; 0 for any number.
    pub messages_per_minute: u32,
    /// Maximum time to wait for the oldest confirm. Then the broker counts as away.
    pub confirm_timeout: Duration,
    /// Maximum number of compiled bundles in memory.
    pub bundles: usize,
    /// Interval between heartbeats.
    pub heartbeat_interval: Duration,
    /// Interval between polls of every shard, with or without a wakeup.
    pub poll_interval: Duration,
    /// Time without a heartbeat after which the shards of another executor are taken over.
    pub lease: Duration,
    /// Time to keep an activeflow that cannot move now (for example, its bundle is missing) before its release.
    pub retry_after: Duration,
    /// Maximum time after shutdown to finish or release the claimed activeflows.
    pub shutdown_grace: Duration,
}
