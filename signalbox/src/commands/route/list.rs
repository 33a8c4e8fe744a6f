//! `signalbox route list`.

use crate::client::Path;
use crate::commands::clock::{now, when};
use crate::commands::pages;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, OutputArgs, text};
use clap::Args;
use flow::Timestamp;
use serde_json::Value;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  signalbox route list --output ndjson | jq -r .address")]
pub struct ListArgs {
    /// Customer id; the default is intake.default_customer
    #[arg(long, value_name = "ID")]
    customer: Option<uuid::Uuid>,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: ListArgs, context: &Context) -> Result<(), Failure> {
    let path = Path::new("/v1/routes").with("customer_id", args.customer);
    let mut rows = pages::all(&context.client().await?, &path).await?;
    rows.sort_by_key(|row| (text(&row["address"]), text(&row["active_from"])));
    let columns: [Column<Value>; 6] = [
        ("ROUTE", |row| text(&row["address"])),
        ("FLOW", |row| text(&row["flow_name"])),
        ("STATE", |row| state(row, now()).to_owned()),
        ("PRIORITY", |row| text(&row["priority"])),
        ("FROM", |row| when(&row["active_from"])),
        ("UNTIL", |row| when(&row["active_until"])),
    ];
    let empty = "There is no route yet. Set one: signalbox route set call=+15550111 --flow NAME";
    args.output.list(&rows, &columns, empty);
    Ok(())
}

/// State by the clock of this machine. For an event, its own time decides.
fn state(row: &Value, now: Timestamp) -> &'static str {
    let time = |name: &str| row[name].as_str().and_then(|time| time.parse::<Timestamp>().ok());
    match (time("active_from"), time("active_until")) {
        (_, Some(until)) if until <= now => "expired",
        (Some(from), _) if now < from => "planned",
        _ => "active",
    }
}
