//! Check of a data folder: reads every record of it, and changes nothing. A running Signalbox may use the folder.

use super::describe::describe;
use super::disk::folder::{has_checksums, open_read_only, select};
use super::disk::{DamagedRecord, OpenError, Unreadable, database, verify};
use super::store::Recovery;
use super::{Settings, bus, store};
use rusqlite::{Connection, Row};
use std::collections::BTreeMap;
use std::path::Path;

/// Maximum number of complaints of SQLite about the file.
const COMPLAINTS: u32 = 20;

/// Result of a check.
#[derive(Debug, Default)]
pub struct Report {
    /// Number of records that are whole.
    pub records: u64,
    /// Bytes of these records.
    pub bytes: u64,
    /// Number of records without a checksum: an earlier version wrote them.
    pub unsummed: u64,
    pub damaged: Vec<DamagedRecord>,
    /// What SQLite finds wrong with the file.
    pub database: Vec<String>,
}

impl Report {
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty() && self.database.is_empty()
    }
}

/// Reads every record.
///
/// # Errors
/// There is no database in the folder, it cannot be opened, or a record has a newer format.
pub fn check(dir: &Path, settings: &Settings) -> Result<Report, OpenError> {
    read(dir, settings, |_, _| {})
}

/// Reads every record and passes those that are whole to `keep`, ordered by key.
///
/// # Errors
/// As [`check`].
pub(super) fn read(
    dir: &Path,
    settings: &Settings,
    mut keep: impl FnMut(&[u8], &[u8]),
) -> Result<Report, OpenError> {
    let broken = |error: rusqlite::Error| database(dir, &error);
    let connection = open_read_only(dir).map_err(broken)?;
    let has_checksums = has_checksums(&connection).map_err(broken)?;
    let mut report = Report { database: complaints(&connection), ..Report::default() };
    let shards = stored_shards(&connection).unwrap_or(settings.shards);
    let mut store = Recovery::new(shards, settings.limits);
    let mut read_record = |key: &[u8], value: &[u8]| match key.first() {
        Some(b's') => store.record(key, value),
        Some(b'b') => bus::check(key, value),
        _ => Err(Unreadable::Damaged { what: "its key is unknown to this version".into() }),
    };
    let mut too_new = None;
    let mut visit = |key: &[u8], value: &[u8], sum: Option<i64>| match verify(key, value, sum)
        .and_then(|()| read_record(key, value))
    {
        Ok(()) => {
            report.records += 1;
            report.bytes += value.len() as u64;
            report.unsummed += u64::from(sum.is_none());
            keep(key, value);
        }
        Err(Unreadable::TooNew { found, supported }) => {
            too_new = Some(OpenError::TooNew { dir: dir.to_owned(), key: describe(key), found, supported });
        }
        Err(why) => {
            let record = DamagedRecord::new(key, why.to_string());
            report.damaged.push(DamagedRecord { kind: describe(key), ..record });
        }
    };
    let scanned = scan(&connection, has_checksums, shards, &mut visit);
    report.database.extend(scanned);
    too_new.map_or(Ok(report), Err)
}

/// The number of shards of the folder, if its record can be read.
fn stored_shards(connection: &Connection) -> Option<u16> {
    let record = "SELECT value FROM state WHERE key = ?1";
    let value: Vec<u8> = connection.query_row(record, [store::SHARDS_KEY], |row| row.get(0)).ok()?;
    store::shards(&value)
}

fn complaints(connection: &Connection) -> Vec<String> {
    let asked = connection.prepare(&format!("PRAGMA quick_check({COMPLAINTS})")).and_then(|mut check| {
        let lines = check.query_map([], |row| row.get::<_, String>(0))?;
        lines.collect::<rusqlite::Result<Vec<String>>>()
    });
    match asked {
        Ok(lines) => lines.into_iter().filter(|line| line != "ok").collect(),
        Err(error) => vec![error.to_string()],
    }
}

type Found = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

/// Passes every record that SQLite can read to `visit`, ordered by key. Returns the errors.
fn scan(
    connection: &Connection,
    has_checksums: bool,
    shards: u16,
    visit: &mut impl FnMut(&[u8], &[u8], Option<i64>),
) -> Vec<String> {
    let mut last = Vec::new();
    let whole = walk(connection, &select(has_checksums, "ASC"), b"", |key, value, sum| {
        last = key.to_vec();
        visit(key, value, sum);
        true
    });
    let Err(error) = whole else { return Vec::new() };
    let behind = behind(connection, has_checksums, shards, &last);
    behind.iter().for_each(|(key, (value, sum))| visit(key, value, *sum));
    vec![format!("records cannot be read after the key {}: {error}", describe(&last))]
}

/// Records behind a place that cannot be read: from the end backwards, and from each place where keys of a kind begin.
fn behind(connection: &Connection, has_checksums: bool, shards: u16, place: &[u8]) -> Found {
    let mut found = Found::new();
    let mut add = |key: &[u8], value: &[u8], sum: Option<i64>| {
        let is_new = key > place && !found.contains_key(key);
        if is_new {
            found.insert(key.to_vec(), (value.to_vec(), sum));
        }
        is_new
    };
    // An error only ends the walk.
    let _ = walk(connection, &select(has_checksums, "DESC"), b"", &mut add);
    for prefix in prefixes(shards).into_iter().filter(|prefix| prefix.as_slice() > place) {
        let _ = walk(connection, &select(has_checksums, "ASC"), &prefix, &mut add);
    }
    found
}

/// Places where keys of a kind begin.
fn prefixes(shards: u16) -> Vec<Vec<u8>> {
    let kinds = (b'a'..=b'z').flat_map(|kind| [vec![b's', kind], vec![b'b', kind]]);
    let of_shards = b"adfhnpstu"
        .iter()
        .flat_map(|kind| (0..shards).map(|shard| [[b's', *kind].as_slice(), &shard.to_be_bytes()].concat()));
    kinds.chain(of_shards).collect()
}

/// Passes records to `visit`, from a key on, until it returns false.
fn walk(
    connection: &Connection,
    query: &str,
    from: &[u8],
    mut visit: impl FnMut(&[u8], &[u8], Option<i64>) -> bool,
) -> rusqlite::Result<()> {
    let mut query = connection.prepare_cached(query)?;
    let mut rows = query.query([from])?;
    while let Some(row) = rows.next()? {
        if !visit(blob(row, 0)?, blob(row, 1)?, row.get(2)?) {
            break;
        }
    }
    Ok(())
}

fn blob<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a [u8]> {
    Ok(row.get_ref(column)?.as_blob()?)
}
