//! The group commit: changes join one transaction of one SQLite table, and whoever waits is answered when it is on the
//! disk. What comes while one transaction is under way goes with the next: no timers, no fixed batch size.
//!
//! ```text
//! write(changes) ──► batch n+1 (coalesced by key) ──► writer thread: BEGIN, deletes, upserts, COMMIT (fsync) ──► durable = n+1
//! ```
//! The order of the calls is the order on the disk: after a crash a prefix of the batches is there, each whole or not at all.

use common::identity::hex;
use rusqlite::{Connection, TransactionBehavior, params};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::watch;

const FILE: &str = "signalbox.db";
const LOCK: &str = "lock";
/// How long the writer waits after the disk refused before it tries the same again.
const PAUSE: Duration = Duration::from_millis(200);

const SCHEMA: &str = "
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
";

#[derive(Debug, Error)]
pub enum OpenError {
    #[error("the data folder {dir} is in use by another Signalbox (process {holder})")]
    InUse { dir: PathBuf, holder: String },
    #[error("the data folder {dir} cannot be used: {reason}")]
    Unusable { dir: PathBuf, reason: String },
    #[error(
        "the record {key} in the data folder {dir} has format {found}, this binary reads up to {supported}: upgrade it"
    )]
    TooNew { dir: PathBuf, key: String, found: u8, supported: u8 },
    #[error("the record {key} in the data folder {dir} cannot be read: {what}")]
    Damaged { dir: PathBuf, key: String, what: String },
}

impl OpenError {
    /// The record under `key` cannot be read; the key is told in hex, as SQL has it.
    pub fn record(dir: &Path, key: &[u8], why: Unreadable) -> OpenError {
        let (dir, key) = (dir.to_owned(), format!("x'{}'", hex(key)));
        match why {
            Unreadable::TooNew { found, supported } => OpenError::TooNew { dir, key, found, supported },
            Unreadable::Damaged { what } => OpenError::Damaged { dir, key, what },
        }
    }
}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    TooNew { found: u8, supported: u8 },
    Damaged { what: String },
}

/// The disk did not answer: what was written may or may not be there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the data folder does not take writes ({reason})")]
pub struct DiskError {
    pub reason: String,
}

/// One change of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Put {
        key: Vec<u8>,
        value: Vec<u8>,
    },
    Delete {
        key: Vec<u8>,
    },
    /// Every key from the start up to, not including, the end.
    DeleteRange(Range<Vec<u8>>),
}

/// The one table of a data folder, which this process has for itself.
pub struct Disk {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    _lock: File,
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    durable: watch::Sender<u64>,
    /// Why the last attempt to write failed.
    trouble: watch::Sender<Option<String>>,
}

/// What the next transaction writes.
#[derive(Default)]
struct Batch {
    ranges: Vec<Range<Vec<u8>>>,
    /// `None` deletes. Applied after the ranges.
    records: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

struct Queue {
    batch: Batch,
    /// The number of the batch that is being filled.
    number: u64,
    closing: bool,
}

/// Resolves when everything that was written before is on the disk.
pub struct Written {
    number: u64,
    durable: watch::Receiver<u64>,
    trouble: watch::Receiver<Option<String>>,
}

impl Disk {
    /// Opens or creates the table in `dir`, and passes every record to `visit`, in the order of the keys.
    ///
    /// # Errors
    /// Another process has the folder, or it cannot be read or written.
    pub fn open(dir: &Path, mut visit: impl FnMut(&[u8], &[u8])) -> Result<Disk, OpenError> {
        let unusable = |reason: String| OpenError::Unusable { dir: dir.to_owned(), reason };
        // What calls and messages say is for the owner.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|e| unusable(e.to_string()))?;
        let lock = lock(dir)?;
        let connection = connect(&dir.join(FILE), &mut visit).map_err(|e| unusable(e.to_string()))?;
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { batch: Batch::default(), number: 1, closing: false }),
            filled: Condvar::new(),
            durable: watch::Sender::new(0),
            trouble: watch::Sender::new(None),
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

    /// Adds `changes` to the next transaction. Whoever needs an order between calls holds a lock of its own around them.
    pub fn write(&self, changes: impl IntoIterator<Item = Change>) -> Written {
        let mut queue = self.shared.lock();
        for change in changes {
            queue.batch.add(change);
        }
        if !queue.batch.is_empty() {
            self.shared.filled.notify_one();
        }
        // An empty batch: everything written before is in the batches before it.
        let number = if queue.batch.is_empty() { queue.number - 1 } else { queue.number };
        self.written(number)
    }

    /// Why the last attempt to write failed; `None` while all is well.
    pub fn trouble(&self) -> Option<String> {
        self.shared.trouble.borrow().clone()
    }

    fn written(&self, number: u64) -> Written {
        Written { number, durable: self.shared.durable.subscribe(), trouble: self.shared.trouble.subscribe() }
    }
}

impl Written {
    /// # Errors
    /// The disk refuses, or the folder was closed: it may still come to be.
    pub async fn durable(mut self) -> Result<(), DiskError> {
        let number = self.number;
        let error = |reason: &str| DiskError { reason: reason.to_owned() };
        tokio::select! {
            biased;
            done = self.durable.wait_for(|durable| *durable >= number) => match done {
                Ok(_) => Ok(()),
                Err(_) => Err(error("it was closed")),
            },
            trouble = self.trouble.wait_for(Option::is_some) => match trouble {
                Ok(reason) => Err(error(reason.as_deref().unwrap_or_default())),
                Err(_) => Err(error("it was closed")),
            },
        }
    }
}

impl Drop for Disk {
    /// Writes what is left.
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.filled.notify_one();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Batch {
    fn add(&mut self, change: Change) {
        match change {
            Change::Put { key, value } => {
                self.records.insert(key, Some(value));
            }
            Change::Delete { key } => {
                self.records.insert(key, None);
            }
            Change::DeleteRange(range) => {
                self.records.extract_if(range.clone(), |_, _| true).for_each(drop);
                self.ranges.push(range);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.records.is_empty()
    }

    fn commit(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut range = transaction.prepare_cached("DELETE FROM state WHERE key >= ?1 AND key < ?2")?;
            for keys in &self.ranges {
                range.execute(params![keys.start, keys.end])?;
            }
            let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO state VALUES (?1, ?2)")?;
            let mut delete = transaction.prepare_cached("DELETE FROM state WHERE key = ?1")?;
            for (key, value) in &self.records {
                match value {
                    Some(value) => put.execute(params![key, value])?,
                    None => delete.execute(params![key])?,
                };
            }
        }
        transaction.commit()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer's life: one batch after another, until the folder is closed and nothing is left.
    fn write_all(&self, mut connection: Connection) {
        while let Some((number, batch)) = self.next() {
            while let Err(error) = batch.commit(&mut connection) {
                tracing::error!(%error, "The data folder does not take writes; trying again");
                self.trouble.send_replace(Some(error.to_string()));
                if self.lock().closing {
                    return;
                }
                std::thread::sleep(PAUSE);
            }
            self.trouble.send_if_modified(|trouble| trouble.take().is_some());
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

/// One process at a time; the file says which.
fn lock(dir: &Path) -> Result<File, OpenError> {
    let unusable = |e: std::io::Error| OpenError::Unusable { dir: dir.to_owned(), reason: e.to_string() };
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(dir.join(LOCK))
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(OpenError::InUse { dir: dir.to_owned(), holder: holder.trim().to_owned() });
        }
        Err(TryLockError::Error(e)) => return Err(unusable(e)),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(unusable)?;
    writeln!(file, "{}", std::process::id()).map_err(unusable)?;
    Ok(file)
}

fn connect(path: &Path, visit: &mut impl FnMut(&[u8], &[u8])) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA page_size = 8192")?;
    // Where there is no WAL (some network file systems), SQLite says so and goes on with less.
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let why =
            format!("this file system has no write-ahead log (journal mode `{mode}`); choose a local one");
        return Err(rusqlite::Error::ToSqlConversionFailure(why.into()));
    }
    connection.execute_batch(SCHEMA)?;
    {
        let mut all = connection.prepare("SELECT key, value FROM state ORDER BY key")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            visit(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
        }
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::fs;

    fn put(key: &str, value: &str) -> Change {
        Change::Put { key: key.into(), value: value.into() }
    }

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("signalbox-disk-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        dir
    }

    fn open(dir: &Path) -> (Disk, Vec<(String, String)>) {
        let mut rows = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let disk = Disk::open(dir, |key, value| rows.push((text(key), text(value)))).unwrap();
        (disk, rows)
    }

    #[tokio::test]
    async fn what_was_answered_is_there_again_and_a_range_spares_what_came_after_it() {
        let dir = folder("again");
        let (disk, rows) = open(&dir);
        assert_eq!(rows, []);
        disk.write([put("a1", "old"), put("a2", "old"), put("b", "kept")]).durable().await.unwrap();
        let range = Change::DeleteRange(b"a".to_vec()..b"b".to_vec());
        disk.write([put("a1", "older"), range, put("a2", "new"), Change::Delete { key: b"x".to_vec() }])
            .durable()
            .await
            .unwrap();
        disk.write([]).durable().await.unwrap();
        drop(disk);
        let (_disk, rows) = open(&dir);
        assert_eq!(rows, [("a2".into(), "new".into()), ("b".into(), "kept".into())]);
        let _ = fs::remove_dir_all(&dir);
    }

    /// As a duplicate is answered, which changes nothing.
    #[tokio::test]
    async fn who_changed_nothing_waits_for_what_was_written_before() {
        let dir = folder("before");
        let (disk, _) = open(&dir);
        for n in 0..20 {
            let original = disk.write([put("a", &n.to_string())]);
            disk.write([]).durable().await.unwrap();
            assert_eq!(original.durable().now_or_never(), Some(Ok(())));
        }
        let _ = fs::remove_dir_all(&dir);
    }

    #[test]
    fn a_second_one_on_the_same_folder_is_told_who_has_it() {
        let dir = folder("second");
        let (_disk, _) = open(&dir);
        let Err(refused) = Disk::open(&dir, |_, _| {}) else { panic!("two have the folder") };
        assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
        let _ = fs::remove_dir_all(&dir);
    }
}
