//! Files of a data folder: the lock file and the SQLite database. Their contents include calls and messages, so only the
//! owner may read them.

use super::checksum::{checksum, verify};
use super::error::{DamagedRecord, OpenError, Unreadable, database, io_reason, literal};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

pub(in crate::embedded) const DATABASE: &str = "signalbox.db";
const LOCK: &str = "lock";

/// Mode of the files in the folder.
const PRIVATE: u32 = 0o600;

const SCHEMA: &str = "
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS state (key BLOB PRIMARY KEY, value BLOB NOT NULL, sum INTEGER) WITHOUT ROWID;
";

/// Creates the folder, readable only by its owner.
pub(in crate::embedded) fn create(dir: &Path) -> Result<(), OpenError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| OpenError::Unusable { dir: dir.to_owned(), reason: io_reason(&error) })
}

/// A locked data folder. A child that another thread has just forked still has the file open, so that closing it here would
/// not release the lock at once.
pub(in crate::embedded) struct FolderLock(File);

impl Drop for FolderLock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Locks the data folder for this process. The lock file contains the process id of the owner.
pub(in crate::embedded) fn lock(dir: &Path) -> Result<FolderLock, OpenError> {
    let unusable = |e: std::io::Error| OpenError::Unusable { dir: dir.to_owned(), reason: io_reason(&e) };
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE)
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
    file.set_permissions(Permissions::from_mode(PRIVATE)).map_err(unusable)?;
    file.set_len(0).and_then(|()| file.rewind()).map_err(unusable)?;
    writeln!(file, "{}", std::process::id()).map_err(unusable)?;
    Ok(FolderLock(file))
}

/// Creates the database file, and takes it and its companions from others. SQLite gives new companions the same mode.
fn make_private(dir: &Path) -> std::io::Result<()> {
    let path = dir.join(DATABASE);
    File::options().write(true).create(true).truncate(false).mode(PRIVATE).open(&path)?;
    for suffix in ["", "-wal", "-shm"] {
        match std::fs::set_permissions(format!("{}{suffix}", path.display()), Permissions::from_mode(PRIVATE))
        {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Opens the database and passes every record to `visit`, ordered by key. Changes no record if one cannot be read;
/// otherwise adds the checksums that are missing.
///
/// # Errors
/// The database cannot be read or written, or a record is damaged or too new. Every damaged record is named.
pub(super) fn connect(
    dir: &Path,
    visit: &mut impl FnMut(&[u8], &[u8]) -> Result<(), Unreadable>,
) -> Result<Connection, OpenError> {
    let broken = |error: rusqlite::Error| database(dir, &error);
    make_private(dir)
        .map_err(|error| OpenError::Unusable { dir: dir.to_owned(), reason: io_reason(&error) })?;
    let mut connection = open_file(dir).map_err(broken)?;
    let has_checksums = has_checksums(&connection).map_err(broken)?;
    let mut refusal = Refusal::default();
    let mut missing = Vec::new();
    read_all(&connection, has_checksums, &mut |key, value, sum| {
        if sum.is_none() {
            missing.push((key.to_vec(), checksum(key, value)));
        }
        let read = verify(key, value, sum).and_then(|()| visit(key, value));
        if let Err(why) = read {
            refusal.add(key, why);
        }
    })
    .map_err(broken)?;
    refusal.into_result(dir)?;
    add_checksums(&mut connection, has_checksums, &missing).map_err(broken)?;
    Ok(connection)
}

fn open_file(dir: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(dir.join(DATABASE))?;
    connection.execute_batch("PRAGMA page_size = 8192")?;
    // Some network file systems do not support WAL. SQLite then keeps another journal mode and reports it.
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let reason = format!(
            "this file system does not support SQLite's write-ahead log (journal mode `{mode}`): use a local file system"
        );
        return Err(rusqlite::Error::ToSqlConversionFailure(reason.into()));
    }
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

/// Opens the database only to read it; another process may use it.
pub(in crate::embedded) fn open_read_only(dir: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(
        dir.join(DATABASE),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
}

/// Whether records have checksums: tables of earlier versions have no column for them.
pub(in crate::embedded) fn has_checksums(connection: &Connection) -> rusqlite::Result<bool> {
    let count = "SELECT COUNT(*) FROM pragma_table_info('state') WHERE name = 'sum'";
    connection.query_row(count, [], |row| row.get(0))
}

/// The query for every record from a key on.
pub(in crate::embedded) fn select(has_checksums: bool, order: &str) -> String {
    let sum = if has_checksums { "sum" } else { "NULL" };
    format!("SELECT key, value, {sum} FROM state WHERE key >= ?1 ORDER BY key {order}")
}

fn read_all(
    connection: &Connection,
    has_checksums: bool,
    visit: &mut impl FnMut(&[u8], &[u8], Option<i64>),
) -> rusqlite::Result<()> {
    let mut all = connection.prepare(&select(has_checksums, "ASC"))?;
    let mut rows = all.query([b"".as_slice()])?;
    while let Some(row) = rows.next()? {
        visit(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?, row.get(2)?);
    }
    Ok(())
}

/// Accepts the records of an earlier version: from now on they have checksums.
fn add_checksums(
    connection: &mut Connection,
    has_column: bool,
    missing: &[(Vec<u8>, i64)],
) -> rusqlite::Result<()> {
    if has_column && missing.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !has_column {
        transaction.execute_batch("ALTER TABLE state ADD COLUMN sum INTEGER")?;
    }
    {
        let mut set = transaction.prepare("UPDATE state SET sum = ?2 WHERE key = ?1")?;
        for (key, sum) in missing {
            set.execute(params![key, sum])?;
        }
    }
    transaction.commit()
}

/// Records that cannot be read.
#[derive(Default)]
struct Refusal {
    damaged: Vec<DamagedRecord>,
    other: Option<(Vec<u8>, Unreadable)>,
}

impl Refusal {
    fn add(&mut self, key: &[u8], why: Unreadable) {
        match why {
            Unreadable::Damaged { what } => self.damaged.push(DamagedRecord::new(key, what)),
            why => _ = self.other.get_or_insert((key.to_vec(), why)),
        }
    }

    fn into_result(self, dir: &Path) -> Result<(), OpenError> {
        let dir = dir.to_owned();
        match self.other {
            Some((key, Unreadable::TooNew { found, supported })) => {
                Err(OpenError::TooNew { dir, key: literal(&key), found, supported })
            }
            Some((_, why)) => Err(OpenError::Unusable { dir, reason: why.to_string() }),
            None if self.damaged.is_empty() => Ok(()),
            None => Err(OpenError::Damaged { dir, records: self.damaged }),
        }
    }
}
