//! Files of a data folder: the lock file and the SQLite database.

use super::error::OpenError;
use rusqlite::Connection;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

pub(super) const DATABASE: &str = "signalbox.db";
const LOCK: &str = "lock";

const SCHEMA: &str = "
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
";

/// Locks the data folder for this process. The lock file contains the process id of the owner.
pub(super) fn lock(dir: &Path) -> Result<File, OpenError> {
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

/// Opens the database and passes every record to `visit`, ordered by key.
pub(super) fn connect(path: &Path, visit: &mut impl FnMut(&[u8], &[u8])) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
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
    {
        let mut all = connection.prepare("SELECT key, value FROM state ORDER BY key")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            visit(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
        }
    }
    Ok(connection)
}
