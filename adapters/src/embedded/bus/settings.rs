//! Limits of the queues in this process.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    /// Maximum size of the event queue in bytes. All queues are in memory; a full queue refuses a publish (nack).
    pub events_max_bytes: u64,
    /// Maximum size of the queue of rejected events in bytes.
    pub rejected_max_bytes: u64,
    /// Maximum size of each command queue in bytes.
    pub commands_max_bytes: u64,
    /// Time without an acknowledgement after which a full command queue is set aside.
    pub queue_idle_limit: Duration,
    /// Maximum size of the queue of unrouted commands in bytes; if it is full, the oldest commands are dropped.
    pub unrouted_max_bytes: u64,
    /// Maximum unacknowledged deliveries of a consumer.
    pub prefetch: u16,
    /// Time limit for a write to disk; after it the outcome of a message is unknown.
    pub confirm_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        const MIB: u64 = 1 << 20;
        Settings {
            events_max_bytes: 64 * MIB,
            rejected_max_bytes: 64 * MIB,
            commands_max_bytes: 64 * MIB,
            queue_idle_limit: Duration::from_secs(300),
            unrouted_max_bytes: 16 * MIB,
            prefetch: 64,
            confirm_timeout: Duration::from_secs(10),
        }
    }
}
