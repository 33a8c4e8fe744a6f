//! The writer thread: it commits one batch of changes after another.

use super::batch::{Batch, Change};
use super::error::{DiskError, OpenError};
use super::folder::{DATABASE, connect, lock};
use rusqlite::Connection;
use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// Pause between a failed commit and the next attempt.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// The SQLite table of a data folder, locked by this process.
pub struct Disk {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    _lock: File,
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    durable: watch::Sender<u64>,
    /// Error of the last failed commit; `None` after a successful one.
    write_error: watch::Sender<Option<String>>,
}

struct Queue {
    batch: Batch,
    /// Number of the batch that collects changes.
    number: u64,
    closing: bool,
}

/// A write that may not be on disk yet.
pub struct PendingWrite {
    number: u64,
    durable: watch::Receiver<u64>,
    write_error: watch::Receiver<Option<String>>,
}

impl Disk {
    /// Opens or creates the table in `dir`, and passes every record to `visit`, ordered by key.
    ///
    /// # Errors
    /// Another process uses the folder, or it cannot be read or written.
    pub fn open(dir: &Path, mut visit: impl FnMut(&[u8], &[u8])) -> Result<Disk, OpenError> {
        let unusable = |reason: String| OpenError::Unusable { dir: dir.to_owned(), reason };
        // The data includes the contents of calls and messages: only the owner may read it.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|e| unusable(e.to_string()))?;
        let lock = lock(dir)?;
        let connection = connect(&dir.join(DATABASE), &mut visit).map_err(|e| unusable(e.to_string()))?;
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { batch: Batch::default(), number: 1, closing: false }),
            filled: Condvar::new(),
            durable: watch::Sender::new(0),
            write_error: watch::Sender::new(None),
        });
        let writer = std::thread::Builder::new()
            .name("signalbox-disk".into())
            .spawn({
                let shared = shared.clone();
                move || shared.write_all(connection)
            })
            .map_err(|e| unusable(e.to_string()))?;
        Ok(Disk { shared, writer: Some(writer), _lock: lock })
    }

    /// Adds `changes` to the next transaction. A caller that needs an order between calls must hold its own lock.
    pub fn write(&self, changes: impl IntoIterator<Item = Change>) -> PendingWrite {
        let mut queue = self.shared.lock();
        for change in changes {
            queue.batch.add(change);
        }
        if !queue.batch.is_empty() {
            self.shared.filled.notify_one();
        }
        // If the batch is empty, all earlier writes are in the batches before it.
        let number = if queue.batch.is_empty() { queue.number - 1 } else { queue.number };
        self.pending(number)
    }

    /// Error of the last failed commit; `None` after a successful one.
    pub fn write_error(&self) -> Option<String> {
        self.shared.write_error.borrow().clone()
    }

    fn pending(&self, number: u64) -> PendingWrite {
        PendingWrite {
            number,
            durable: self.shared.durable.subscribe(),
            write_error: self.shared.write_error.subscribe(),
        }
    }
}

impl PendingWrite {
    /// Waits until this write, and all writes before it, are on disk.
    ///
    /// # Errors
    /// A commit failed, or the folder was closed. The write may still reach the disk.
    pub async fn durable(mut self) -> Result<(), DiskError> {
        let number = self.number;
        let error = |reason: &str| DiskError { reason: reason.to_owned() };
        tokio::select! {
            biased;
            done = self.durable.wait_for(|durable| *durable >= number) => match done {
                Ok(_) => Ok(()),
                Err(_) => Err(error("the data folder was closed")),
            },
            write_error = self.write_error.wait_for(Option::is_some) => match write_error {
                Ok(reason) => Err(error(reason.as_deref().unwrap_or_default())),
                Err(_) => Err(error("the data folder was closed")),
            },
        }
    }
}

impl Drop for Disk {
    /// Commits the remaining changes.
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.filled.notify_one();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits one batch after another until the folder is closed and the last batch is committed.
    fn write_all(&self, mut connection: Connection) {
        while let Some((number, batch)) = self.next() {
            while let Err(error) = batch.commit(&mut connection) {
                tracing::error!(%error, "writing to the data folder failed; trying again");
                self.write_error.send_replace(Some(error.to_string()));
                if self.lock().closing {
                    return;
                }
                std::thread::sleep(RETRY_PAUSE);
            }
            self.write_error.send_if_modified(|write_error| write_error.take().is_some());
            self.durable.send_replace(number);
        }
    }

    fn next(&self) -> Option<(u64, Batch)> {
        let mut queue = self.lock();
        while queue.batch.is_empty() {
            if queue.closing {
                return None;
            }
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let number = queue.number;
        queue.number += 1;
        Some((number, std::mem::take(&mut queue.batch)))
    }
}
