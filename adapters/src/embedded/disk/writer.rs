//! The writer thread: it commits one batch of changes after another.

use super::batch::{Batch, Change};
use super::error::{DiskError, OpenError, Unreadable, io_reason, reason};
use super::folder::{FolderLock, connect, create, lock};
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Pause between a failed commit and the next attempt.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Minimum time between two logs of the same error.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
/// Error of a write to a closed folder.
const CLOSED: &str = "it is closed";

/// The SQLite table of a data folder, locked by this process.
pub struct Disk {
    shared: Arc<Shared>,
    /// `None` once the folder is closed.
    writer: Mutex<Option<JoinHandle<()>>>,
    _lock: FolderLock,
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
    /// Another process uses the folder, it cannot be read or written, or a record is damaged, or `visit` cannot read one.
    pub fn open(
        dir: &Path,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), Unreadable>,
    ) -> Result<Disk, OpenError> {
        let unusable = |e: std::io::Error| OpenError::Unusable { dir: dir.to_owned(), reason: io_reason(&e) };
        create(dir)?;
        let lock = lock(dir)?;
        let connection = connect(dir, &mut visit)?;
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
            .map_err(unusable)?;
        Ok(Disk { shared, writer: Mutex::new(Some(writer)), _lock: lock })
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

    /// Commits the remaining changes, moves them from the write-ahead log to the table, and closes it. Later writes fail. The
    /// folder stays locked until this is dropped.
    ///
    /// # Errors
    /// The last write failed.
    pub fn close(&self) -> Result<(), String> {
        let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        self.shared.lock().closing = true;
        self.shared.filled.notify_one();
        let _ = writer.join();
        let write_error = self.shared.write_error.send_replace(Some(CLOSED.to_owned()));
        write_error.map_or(Ok(()), Err)
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
                Err(_) => Err(error(CLOSED)),
            },
            write_error = self.write_error.wait_for(Option::is_some) => match write_error {
                Ok(reason) => Err(error(reason.as_deref().unwrap_or_default())),
                Err(_) => Err(error(CLOSED)),
            },
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits one batch after another until the folder is closed and the last batch is committed.
    fn write_all(&self, mut connection: Connection) {
        let mut logged: Option<(Instant, String)> = None;
        while let Some((number, batch)) = self.next() {
            while let Err(error) = batch.commit(&mut connection) {
                let reason = reason(&error);
                if logged.as_ref().is_none_or(|(at, last)| *last != reason || at.elapsed() >= LOG_INTERVAL) {
                    tracing::error!(
                        error = reason,
                        "writing to the data folder failed: {reason}; trying again"
                    );
                    logged = Some((Instant::now(), reason.clone()));
                }
                self.write_error.send_replace(Some(reason));
                if self.lock().closing {
                    return;
                }
                std::thread::sleep(RETRY_PAUSE);
            }
            if self.write_error.send_if_modified(|write_error| write_error.take().is_some()) {
                tracing::warn!("writing to the data folder succeeds again");
                logged = None;
            }
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
