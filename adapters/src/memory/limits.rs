//! Limits that the settings choose. The fixed ones are in [`common::limits`].

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time for which an ended activeflow can be read.
    pub ended_retention: Duration,
    /// Minimum age of a generation of the dedup window before the next one begins.
    pub dedup_rotation: Duration,
    /// Maximum feed entries per shard.
    pub feed_length: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            ended_retention: Duration::from_secs(3_600),
            dedup_rotation: Duration::from_secs(12 * 3_600),
            feed_length: 1_000,
        }
    }
}
