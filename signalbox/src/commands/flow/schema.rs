//! `signalbox flow schema`: needs no service.

use crate::output::{Format, OutputArgs};
use clap::Args;

#[derive(Args, Debug)]
#[command(
    after_help = "Example, for editors that check JSON files:\n  signalbox flow schema > flow.schema.json"
)]
pub struct SchemaArgs {}

/// Prints the schema as JSON.
pub fn run() {
    OutputArgs { output: Format::Json }.one(&flow::schema(), String::new);
}
