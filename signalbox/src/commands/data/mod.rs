//! `signalbox data …`: check and salvage a data folder.

mod check;
mod salvage;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;
use adapters::embedded::disk::DamagedRecord;
use clap::Subcommand;
use serde::Serialize;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Read every record of the data folder and report the damaged ones; a running Signalbox may use it
    Check(check::CheckArgs),
    /// Copy what is whole from a damaged data folder into a new one
    Salvage(salvage::SalvageArgs),
}

/// # Errors
/// The folder cannot be read, or is damaged.
pub fn run(command: &Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Check(args) => check::run(args, context),
        Command::Salvage(args) => salvage::run(args, context),
    }
}

/// A damaged record, as it is printed.
#[derive(Serialize)]
struct Row {
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

const COLUMNS: [Column<Row>; 4] = [
    ("RECORD", |row| row.record.clone()),
    ("TABLE", |row| row.table.clone()),
    ("KEY", |row| row.key.clone()),
    ("DAMAGE", |row| row.what.clone()),
];
