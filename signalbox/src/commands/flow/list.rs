//! `signalbox flow list`.

use crate::client::Path;
use crate::commands::clock::when;
use crate::commands::pages;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, OutputArgs, text};
use clap::Args;
use serde_json::Value;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  signalbox flow list --output ndjson | jq -r .name")]
pub struct ListArgs {
    /// Customer id; the default is intake.default_customer
    #[arg(long, value_name = "ID")]
    customer: Option<uuid::Uuid>,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: ListArgs, context: &Context) -> Result<(), Failure> {
    let path = Path::new("/v1/flows").with("customer_id", args.customer);
    let mut rows = pages::all(&context.client().await?, &path).await?;
    rows.sort_by_key(|row| text(&row["name"]));
    let columns: [Column<Value>; 6] = [
        ("NAME", |row| text(&row["name"])),
        ("VERSION", |row| text(&row["version"])),
        ("TRIGGER", |row| row["trigger"].as_str().unwrap_or("(subroutine)").to_owned()),
        ("ROUTES", routes),
        ("DEPLOYED", |row| when(&row["deployed_at"])),
        ("ID", |row| text(&row["id"])),
    ];
    let empty = "No flow is deployed yet. Deploy one: signalbox flow deploy samples/opening-hours.json, and then signalbox flow deploy samples/ivr.json --route call=+15550111";
    args.output.list(&rows, &columns, empty);
    Ok(())
}

fn routes(row: &Value) -> String {
    let routes: Vec<String> = row["routes"].as_array().into_iter().flatten().map(text).collect();
    if routes.is_empty() { "-".to_owned() } else { routes.join(" ") }
}
