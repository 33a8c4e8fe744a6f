//! `signalbox flow list`.

use crate::cli::Context;
use crate::failure::Failure;
use crate::output::{Column, OutputArgs};
use crate::services::{catalogue, open_store};
use clap::Args;
use flow::definitions::{Definitions, Deployed};
use serde::Serialize;

#[derive(Args, Debug)]
pub struct ListArgs {
    /// Only this customer's
    #[arg(long, value_name = "ID")]
    customer: Option<uuid::Uuid>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    flow: Deployed,
    routes: Vec<String>,
    /// Of all definitions.
    generation: u64,
}

pub async fn run(args: ListArgs, context: &Context) -> Result<(), Failure> {
    let store = open_store(context.config()).await?;
    let definitions = catalogue::current(&store).await?;
    let customer = args.customer.map(|id| id.hyphenated().to_string());
    let mut rows: Vec<Row> = definitions
        .flows
        .values()
        .filter(|flow| customer.as_ref().is_none_or(|id| *id == flow.customer_id))
        .map(|flow| row(flow, &definitions))
        .collect();
    rows.sort_by(|a, b| a.flow.name.cmp(&b.flow.name));
    let columns: [Column<Row>; 6] = [
        ("NAME", |row| row.flow.name.clone()),
        ("VERSION", |row| row.flow.version.to_string()),
        ("TRIGGER", |row| row.flow.trigger.clone().unwrap_or_else(|| "(subroutine)".into())),
        ("ROUTES", |row| if row.routes.is_empty() { "-".into() } else { row.routes.join(" ") }),
        ("DEPLOYED", |row| row.flow.deployed_at.to_string()),
        ("ID", |row| row.flow.id.clone()),
    ];
    let empty = "No flow is deployed yet. Deploy one: signalbox flow deploy samples/opening-hours.json, and then signalbox flow deploy samples/ivr.json --route call=+15550111";
    args.output.list(&rows, &columns, empty);
    Ok(())
}

fn row(flow: &Deployed, definitions: &Definitions) -> Row {
    let routes =
        definitions.routes.iter().filter(|route| route.flow_id == flow.id && route.closed_at.is_none());
    Row {
        routes: routes.map(|route| route.id.clone()).collect(),
        flow: flow.clone(),
        generation: definitions.generation,
    }
}
