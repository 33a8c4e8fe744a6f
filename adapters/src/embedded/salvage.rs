//! Salvage: copies what is whole from a damaged data folder into a new one, and names what is left out.

use super::check::{Report, read};
use super::describe::describe;
use super::disk::folder::{FolderLock, create, lock};
use super::disk::{Change, DamagedRecord, Disk, OpenError, io_reason};
use super::{Settings, bus};
use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Records for one transaction.
const BATCH: usize = 1_000;
/// File with the key of the first administrator.
const API_KEY: &str = "api-key";

/// Copies the whole records of `dir` into the new folder `to`. The report names what is left out.
///
/// # Errors
/// A Signalbox uses `dir`, or it has no database that can be opened, or `to` exists or cannot be written.
pub fn salvage(dir: &Path, to: &Path, settings: &Settings) -> Result<Report, OpenError> {
    let _lock = lock_existing(dir)?;
    if to.exists() {
        let reason = "it exists already: choose a new folder".to_owned();
        return Err(OpenError::Unusable { dir: to.to_owned(), reason });
    }
    let mut queues = BTreeSet::new();
    read(dir, settings, |key, _| queues.extend(bus::queue_of(key)))?;
    create(to)?;
    let disk = Disk::open(to, |_, _| Ok(()))?;
    let mut orphans = Vec::new();
    let mut batch = Vec::new();
    let mut report = read(dir, settings, |key, value| {
        if bus::command_of(key).is_some_and(|queue| !queues.contains(&queue)) {
            return orphans.push(key.to_vec());
        }
        batch.push(Change::Put { key: key.to_vec(), value: value.to_vec() });
        if batch.len() == BATCH {
            disk.write(batch.drain(..));
        }
    })?;
    disk.write(batch);
    let written = disk.close();
    written.map_err(|reason| OpenError::Unusable { dir: to.to_owned(), reason })?;
    copy_key(dir, to).map_err(|e| OpenError::Unusable { dir: to.to_owned(), reason: io_reason(&e) })?;
    report.records -= orphans.len() as u64;
    report.damaged.extend(orphans.iter().map(|key| {
        let record = DamagedRecord::new(key, "the record of its queue is damaged".to_owned());
        DamagedRecord { kind: describe(key), ..record }
    }));
    Ok(report)
}

/// Locks a folder without creating it.
fn lock_existing(dir: &Path) -> Result<FolderLock, OpenError> {
    if dir.join(super::disk::folder::DATABASE).exists() {
        return lock(dir);
    }
    Err(OpenError::Unusable { dir: dir.to_owned(), reason: "it has no database signalbox.db".to_owned() })
}

fn copy_key(dir: &Path, to: &Path) -> std::io::Result<()> {
    let (from, to) = (dir.join(API_KEY), to.join(API_KEY));
    if from.exists() {
        std::fs::copy(from, &to)?;
        std::fs::set_permissions(to, Permissions::from_mode(0o600))?;
    }
    Ok(())
}
