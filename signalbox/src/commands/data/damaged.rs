//! Damaged records as a table.

use crate::output::Column;
use adapters::embedded::disk::DamagedRecord;
use serde::Serialize;

/// A damaged record, as it is printed.
#[derive(Serialize)]
pub struct Row {
    record: String,
    table: String,
    key: String,
    what: String,
}

impl From<DamagedRecord> for Row {
    fn from(record: DamagedRecord) -> Row {
        let key = record.key_text();
        Row { record: record.kind, table: record.table.to_owned(), key, what: record.what }
    }
}

pub const COLUMNS: [Column<Row>; 4] = [
    ("RECORD", |row| row.record.clone()),
    ("TABLE", |row| row.table.clone()),
    ("KEY", |row| row.key.clone()),
    ("DAMAGE", |row| row.what.clone()),
];
