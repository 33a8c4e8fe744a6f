//! `signalbox activeflow list`.

use super::args::FilterArgs;
use super::columns::{action, failed, reference, state};
use crate::commands::clock::when;
use crate::commands::pages::{self, Pages};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, Format, OutputArgs, stderr_line, text};
use clap::Args;
use serde_json::Value;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    signalbox activeflow list\n  \
    signalbox activeflow list --state quarantined\n  \
    signalbox activeflow list --failed\n  \
    signalbox activeflow list --flow 'Support line' --reference call:call-4711\n  \
    signalbox activeflow list --state waiting --limit 500 --output ndjson | jq -r .id")]
pub struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Maximum number of rows
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: ListArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client().await?;
    let path = args.filter.query("/v1/activeflows", context);
    let Pages { rows, has_more } = pages::collect(&client, &path, args.limit as usize).await?;
    let columns: [Column<Value>; 7] = [
        ("ID", |row| text(&row["id"])),
        ("STATE", state),
        ("FLOW", |row| format!("{} v{}", text(&row["flow_name"]), text(&row["flow_version"]))),
        ("REFERENCE", reference),
        ("ACTION", action),
        ("FAILED", failed),
        ("CREATED", |row| when(&row["tm_create"])),
    ];
    let empty = if args.filter.is_given() {
        "No activeflow matches. To list all: signalbox activeflow list"
    } else {
        "No activeflow yet. One starts when an event arrives at a routed address; try: signalbox event send --type call.incoming \
         --subject call-1 --data '{\"from\":\"+15550100\",\"to\":\"+15550111\"}'"
    };
    args.output.list(&rows, &columns, empty);
    if has_more && args.output.output == Format::Table {
        stderr_line(&format!(
            "There are more than these {} activeflows; increase --limit to show more.",
            rows.len()
        ));
    }
    Ok(())
}
