//! Limits that every state store keeps. They are promises of the interface, so no setting changes them.

use std::time::Duration;

/// Maximum entries in an inbox; hang-ups and results of commands always fit.
pub const INBOX_ENTRIES: usize = 256;
/// Maximum bytes of all entries in an inbox.
pub const INBOX_BYTES: usize = 256 * 1_024;
/// Journal entries kept per activeflow.
pub const JOURNAL_ENTRIES: usize = 64;
/// Maximum suspects in one claim.
pub const SUSPECT_GROUP: u32 = 32;
/// Deaths of workers that held an activeflow alone, without progress, after which it is quarantined.
pub const DEATHS_ALONE: u8 = 5;
/// Age at which a claim becomes ready again although its worker is alive.
pub const CLAIM_OVERDUE: Duration = Duration::from_secs(60);
/// Time for which the id of a dead worker is refused.
pub const DEAD_ID_RETENTION: Duration = Duration::from_secs(3_600);
/// Maximum activeflows of each kind that one sweep of a shard handles.
pub const SWEEP_BATCH: usize = 256;
/// Generations of marks in the dedup window; the newest takes new marks.
pub const DEDUP_GENERATIONS: usize = 3;
/// Time for which a message counts against its pair of numbers.
pub const MESSAGE_WINDOW: Duration = Duration::from_secs(60);
