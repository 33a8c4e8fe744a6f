//! `signalbox data salvage --to FOLDER`.

use super::damaged::{COLUMNS, Row};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Format, OutputArgs, line};
use crate::services::embedded as data_folder;
use adapters::embedded::salvage::salvage;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  \
    signalbox data salvage --to signalbox-data-2\n  \
    signalbox serve --set data.dir=signalbox-data-2\n\n\
    Stop Signalbox first. The damaged folder is not changed. docs/data-folder.md explains what the missing records mean.")]
pub struct SalvageArgs {
    /// The new folder; it must not exist
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Salvaged {
    folder: String,
    /// Number of records that were copied.
    records: u64,
    left_out: Vec<Row>,
    /// What SQLite finds wrong with the damaged file: records that it cannot read are missing too.
    database: Vec<String>,
}

pub fn run(args: &SalvageArgs, context: &Context) -> Result<(), Failure> {
    let config = context.config();
    let report = salvage(&config.data.dir, &args.to, &data_folder::settings(config));
    let report = report.map_err(|error| data_folder::refused(&error))?;
    let salvaged = Salvaged {
        folder: args.to.display().to_string(),
        records: report.records,
        left_out: report.damaged.into_iter().map(Row::from).collect(),
        database: report.database,
    };
    match args.output.output {
        Format::Table => salvaged.print(args.output),
        Format::Json | Format::Ndjson => args.output.one(&salvaged, String::new),
    }
    Ok(())
}

impl Salvaged {
    fn print(&self, output: OutputArgs) {
        if !self.left_out.is_empty() {
            output.table(&self.left_out, &COLUMNS);
        }
        self.database.iter().for_each(|complaint| line(&format!("database: {complaint}")));
        line(&format!(
            "{}: {} records were copied, {} were left out. Start it: signalbox serve --set data.dir={}",
            self.folder,
            self.records,
            self.left_out.len(),
            self.folder
        ));
    }
}
