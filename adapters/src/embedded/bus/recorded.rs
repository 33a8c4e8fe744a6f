//! Up to which position something is on the disk for sure, for whoever reads behind those who write.

use crate::embedded::disk::{Disk, DiskError};
use futures_util::future::BoxFuture;
use std::time::Duration;

/// How long a reader waits after the disk refused before it asks again.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Default)]
pub struct Recorded {
    through: u64,
    /// Asked before, and up to where: a dropped wait is taken up again.
    asked: Option<(u64, BoxFuture<'static, Result<(), DiskError>>)>,
}

impl Recorded {
    pub fn through(&self) -> u64 {
        self.through
    }

    /// Waits until what was written before, up to `position`, is on the disk, or what was asked for earlier is.
    /// Dropping the future loses nothing.
    pub async fn extend(&mut self, disk: &Disk, position: u64) {
        let (position, durable) =
            self.asked.get_or_insert_with(|| (position, Box::pin(disk.write([]).durable())));
        let (position, durable) = (*position, durable.await);
        self.asked = None;
        match durable {
            Ok(()) => self.through = self.through.max(position),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
