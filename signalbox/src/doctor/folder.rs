//! Checks of the data folder: its process, its size, free space and the time of writes.

use super::finding::{Finding, fail, mib, millis, ok, warn};
use crate::config::Config;
use crate::services::embedded as data_folder;
use adapters::embedded::check::{Report, check};
use adapters::embedded::disk::OpenError;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const CHECK: &str = "data folder";
const SPACE: &str = "data folder space";
const WRITES: &str = "data folder writes";
const RECORDS: &str = "data folder records";
const DATABASE: &str = "signalbox.db";
const DAMAGED: &str =
    "restore a backup, or copy what is whole: signalbox data salvage --to NEW-FOLDER (docs/data-folder.md)";
/// Maximum number of damaged records that are named.
const NAMED: usize = 10;
const LOCK: &str = "lock";
const SLOW: Duration = Duration::from_millis(20);
const WRITES_TIMED: u32 = 10;
const LITTLE: u64 = 1 << 30;
const VERY_LITTLE: u64 = 100 << 20;
const VOLATILE: [&str; 2] = ["tmpfs", "ramfs"];

pub struct FolderReport {
    pub findings: Vec<Finding>,
    /// The folder is in memory and is lost when the machine stops.
    pub volatile: bool,
    /// A Signalbox uses the folder.
    pub in_use: bool,
}

pub fn examine(config: &Config) -> FolderReport {
    let dir = &config.data.dir;
    let place = existing(dir);
    let holder = holder(dir);
    let mut findings = vec![match (&holder, dir.exists()) {
        (Some(holder), _) => {
            ok(CHECK, format!("{} is in use by process {holder}, {}", dir.display(), mib(size(dir))))
        }
        (None, true) => ok(CHECK, format!("{} is not in use, {}", dir.display(), mib(size(dir)))),
        (None, false) => ok(CHECK, format!("{} does not exist yet: `serve` creates it", dir.display())),
    }];
    let kind = file_system(&place);
    let volatile = kind.as_deref().is_some_and(|kind| VOLATILE.contains(&kind));
    if volatile {
        let found = format!(
            "{} is on {}: it is lost when the machine stops",
            place.display(),
            kind.unwrap_or_default()
        );
        findings.push(warn(CHECK, found, "set data.dir to a folder on a disk"));
    }
    findings.extend(readers(dir));
    findings.extend(records(config));
    findings.push(space(&place));
    findings.push(writes(&place));
    FolderReport { findings, volatile, in_use: holder.is_some() }
}

/// Others who may read the folder or its database.
fn readers(dir: &Path) -> Option<Finding> {
    let is_open = |path: &Path, mask: u32| {
        fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & mask != 0)
    };
    // Only who may enter the folder can open a file in it.
    let readable = is_open(dir, 0o011) && is_open(&dir.join(DATABASE), 0o066);
    let listed = is_open(dir, 0o066);
    (readable || listed).then(|| {
        let found = format!("{} can be read by other users of this machine", dir.display());
        warn(
            CHECK,
            found,
            format!("take it from them: chmod 700 {}; `serve` does it for the files", dir.display()),
        )
    })
}

/// Reads every record, as `serve` does when it starts.
fn records(config: &Config) -> Vec<Finding> {
    let dir = &config.data.dir;
    if !dir.join(DATABASE).exists() {
        return Vec::new();
    }
    let report = match check(dir, &data_folder::settings(config)) {
        Ok(report) => report,
        Err(error @ OpenError::Unusable { .. }) => {
            return vec![warn(RECORDS, error.to_string(), "run doctor as the user who runs Signalbox")];
        }
        Err(error) => return vec![fail(RECORDS, error.to_string(), DAMAGED)],
    };
    let Report { records, bytes, unsummed, damaged, database } = &report;
    let mut findings: Vec<Finding> =
        database.iter().map(|complaint| fail(RECORDS, format!("SQLite: {complaint}"), DAMAGED)).collect();
    findings.extend(damaged.iter().take(NAMED).map(|record| fail(RECORDS, record.to_string(), DAMAGED)));
    if damaged.len() > NAMED {
        let more = format!("{} more records are damaged", damaged.len() - NAMED);
        findings.push(fail(RECORDS, more, "list them: signalbox data check"));
    }
    if findings.is_empty() {
        let found = format!("all {records} records ({}) are whole", mib(*bytes));
        findings.push(match unsummed {
            0 => ok(RECORDS, found),
            unsummed => ok(
                RECORDS,
                format!("{found}; {unsummed} of them get a checksum at the next start of `serve`"),
            ),
        });
    }
    findings
}

/// The folder, or its nearest existing parent.
fn existing(dir: &Path) -> PathBuf {
    let above = dir.ancestors().find(|dir| dir.is_dir());
    match above {
        Some(above) if !above.as_os_str().is_empty() => above.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Id of the process that holds the lock of the folder.
fn holder(dir: &Path) -> Option<String> {
    let path = dir.join(LOCK);
    let file = File::options().read(true).write(true).open(&path).ok()?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            Some(fs::read_to_string(&path).unwrap_or_default().trim().to_owned())
        }
        _ => None,
    }
}

fn size(dir: &Path) -> u64 {
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|file| file.len()).sum()
}

fn space(place: &Path) -> Finding {
    let room = match rustix::fs::statvfs(place) {
        Ok(room) => room,
        Err(error) => {
            return warn(
                SPACE,
                format!("{}: {error}", place.display()),
                "check that this user owns the folder",
            );
        }
    };
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    let found = format!("{} free at {}", mib(free), place.display());
    let advice = "free disk space: with a full disk, no event is accepted and no activeflow advances";
    match free {
        0 => fail(SPACE, format!("the disk is full: {found}"), advice),
        free if free < VERY_LITTLE => fail(SPACE, found, advice),
        free if free < LITTLE => warn(SPACE, found, advice),
        _ => ok(SPACE, found),
    }
}

fn writes(place: &Path) -> Finding {
    let path = place.join(format!(".signalbox-doctor-{}", std::process::id()));
    let measured = slowest(&path);
    let _ = fs::remove_file(&path);
    let advice = "every answer waits for such a write: use a faster disk for data.dir (an SSD with power-loss protection)";
    match measured {
        Err(error) if error.kind() == ErrorKind::StorageFull => fail(
            WRITES,
            format!("{} cannot be written: the disk is full", place.display()),
            "free disk space: until then no event is accepted and no activeflow advances",
        ),
        Err(error) => fail(
            WRITES,
            format!("{} cannot be written: {error}", place.display()),
            "give the folder to the user who runs Signalbox",
        ),
        Ok(took) if took > SLOW => {
            warn(WRITES, format!("the slowest of {WRITES_TIMED} writes took {}", millis(took)), advice)
        }
        Ok(took) => ok(WRITES, format!("the slowest of {WRITES_TIMED} writes took {}", millis(took))),
    }
}

fn slowest(path: &Path) -> std::io::Result<Duration> {
    let mut file = File::create(path)?;
    let mut slowest = Duration::ZERO;
    for _ in 0..WRITES_TIMED {
        let begun = Instant::now();
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
        slowest = slowest.max(begun.elapsed());
    }
    Ok(slowest)
}

/// The type of the file system that a folder is on.
fn file_system(place: &Path) -> Option<String> {
    let place = place.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mount = |line: &str| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    };
    let above = mounts.lines().filter_map(mount).filter(|(at, _)| place.starts_with(at));
    above.max_by_key(|(at, _)| at.len()).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};
    use crate::doctor::finding::Severity;

    #[test]
    fn a_folder_is_checked_without_creating_it_and_its_process_is_reported() {
        let dir = std::env::temp_dir().join(format!("signalbox-doctor-{}", uuid::Uuid::new_v4().simple()));
        let flags = vec![format!("data.dir={}", dir.display())];
        let config = load(&Sources { flags, ..Sources::default() }).unwrap().config;
        let absent = examine(&config);
        assert!(!dir.exists() && !absent.in_use);
        assert!(
            absent.findings.iter().all(|finding| finding.severity != Severity::Fail),
            "{:?}",
            absent.findings
        );
        let _disk = adapters::embedded::disk::Disk::open(&dir, |_, _| Ok(())).unwrap();
        let used = examine(&config);
        assert!(used.in_use);
        assert!(
            used.findings[0].found.contains(&format!("process {}", std::process::id())),
            "{:?}",
            used.findings[0]
        );
        let _ = fs::remove_dir_all(&dir);
    }
}
