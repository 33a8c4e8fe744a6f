//! The last position that is known to be on disk, for readers that must not pass it.

use crate::embedded::disk::{Disk, DiskError};
use futures_util::future::BoxFuture;
use std::time::Duration;

/// Pause between a failed wait for the disk and the next attempt.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

#[derive(Default)]
pub struct DurablePosition {
    through: u64,
    /// Position and future of a wait in progress; a dropped call resumes it.
    pending: Option<(u64, BoxFuture<'static, Result<(), DiskError>>)>,
}

impl DurablePosition {
    pub fn through(&self) -> u64 {
        self.through
    }

    /// Waits until all earlier writes, up to `position`, are on disk. If an earlier call was dropped, finishes the wait
    /// of that call instead. The future can be dropped at any time.
    pub async fn extend(&mut self, disk: &Disk, position: u64) {
        let (position, durable) =
            self.pending.get_or_insert_with(|| (position, Box::pin(disk.write([]).durable())));
        let (position, durable) = (*position, durable.await);
        self.pending = None;
        match durable {
            Ok(()) => self.through = self.through.max(position),
            Err(_) => tokio::time::sleep(RETRY_PAUSE).await,
        }
    }
}
