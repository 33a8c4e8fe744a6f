//! `signalbox data check`.

use super::damaged::{COLUMNS, Row};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Format, OutputArgs, line};
use crate::services::embedded as data_folder;
use adapters::embedded::check::{Report, check};
use clap::Args;
use serde::Serialize;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    signalbox data check\n  \
    signalbox data check --set data.dir=backup --output json\n\n\
    The exit code is 1 if something is damaged. docs/data-folder.md explains what to do then.")]
pub struct CheckArgs {
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Checked {
    folder: String,
    /// Number and bytes of whole records.
    records: u64,
    bytes: u64,
    /// Number of records without a checksum.
    without_checksum: u64,
    damaged: Vec<Row>,
    /// What SQLite finds wrong with the file.
    database: Vec<String>,
}

pub fn run(args: &CheckArgs, context: &Context) -> Result<(), Failure> {
    let config = context.config();
    let report =
        check(&config.data.dir, &data_folder::settings(config)).map_err(|e| data_folder::refused(&e))?;
    let is_whole = report.is_whole();
    let checked = Checked::new(config.data.dir.display().to_string(), report);
    match args.output.output {
        Format::Table => checked.print(args.output),
        Format::Json | Format::Ndjson => args.output.one(&checked, String::new),
    }
    if is_whole { Ok(()) } else { Err(Failure::Reported) }
}

impl Checked {
    fn new(folder: String, report: Report) -> Checked {
        Checked {
            folder,
            records: report.records,
            bytes: report.bytes,
            without_checksum: report.unsummed,
            damaged: report.damaged.into_iter().map(Row::from).collect(),
            database: report.database,
        }
    }

    fn print(&self, output: OutputArgs) {
        if !self.damaged.is_empty() {
            output.table(&self.damaged, &COLUMNS);
        }
        self.database.iter().for_each(|complaint| line(&format!("database: {complaint}")));
        let Checked { folder, records, bytes, without_checksum, damaged, database } = self;
        let kib = bytes >> 10;
        line(&if damaged.is_empty() && database.is_empty() {
            format!("{folder}: all {records} records ({kib} KiB) are whole")
        } else {
            format!(
                "{folder}: {} records are damaged, {records} records ({kib} KiB) are whole. Restore a backup, or copy what \
                 is whole: signalbox data salvage --to NEW-FOLDER (docs/data-folder.md)",
                damaged.len()
            )
        });
        if *without_checksum > 0 {
            line(&format!(
                "{without_checksum} records have no checksum yet; the next `signalbox serve` adds them"
            ));
        }
    }
}
