//! `signalbox activeflow list`.

use super::view::{View, view};
use crate::cli::Context;
use crate::failure::Failure;
use crate::output::{Column, Format, OutputArgs, note};
use crate::services::open_store;
use clap::Args;
use common::ports::StateStore;
use common::ports::lookup::{Found, ListQuery};
use serde_json::Value;

/// What the store is asked for at once.
const PAGE: u32 = 200;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  signalbox activeflow list\n  signalbox activeflow list --state waiting --limit 500 --output ndjson | jq .id"
)]
pub struct ListArgs {
    /// Only those in this state: ready, claimed, waiting, paused, quarantined, ended
    #[arg(long, value_name = "STATE", value_parser = ["ready", "claimed", "waiting", "paused", "quarantined", "ended"])]
    state: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Whose; the default is intake.default_customer
    #[arg(long, value_name = "ID")]
    customer: Option<uuid::Uuid>,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: ListArgs, context: &Context) -> Result<(), Failure> {
    let store = open_store(context.config()).await?;
    let (rows, more) = collect(&store, &args, context.customer(args.customer)).await?;
    let columns: [Column<View>; 6] = [
        ("ID", |row| row.id.clone()),
        ("STATE", |row| {
            row.end_reason
                .as_ref()
                .map_or_else(|| row.state.to_owned(), |why| format!("{} ({why})", row.state))
        }),
        ("FLOW", |row| format!("{} v{}", row.flow_name, row.flow_version)),
        ("REFERENCE", |row| format!("{}:{}", row.reference_type, row.reference_id)),
        ("ACTION", |row| row.current_action.clone().unwrap_or_else(|| "-".into())),
        ("CREATED", |row| row.tm_create.to_string()),
    ];
    let empty = match &args.state {
        Some(state) => format!("No activeflow is {state}. All of them: signalbox activeflow list"),
        None => "No activeflow yet. One starts when an event arrives at a routed address; try: signalbox event send --type call.incoming \
                 --subject call-1 --data '{\"from\":\"+15550100\",\"to\":\"+15550111\"}'"
            .to_owned(),
    };
    args.output.list(&rows, &columns, &empty);
    if more && args.output.output == Format::Table {
        note(&format!("There are more than these {}; --limit shows them.", rows.len()));
    }
    Ok(())
}

/// Up to the limit, and whether there are more.
async fn collect(
    store: &dyn StateStore,
    args: &ListArgs,
    customer_id: String,
) -> Result<(Vec<View>, bool), Failure> {
    let mut rows: Vec<View> = Vec::new();
    let mut query = ListQuery { customer_id, before: None, limit: PAGE };
    loop {
        let page = store.list(&query).await?;
        let is_last = page.len() < PAGE as usize;
        query.before = page.last().map(|found: &Found| (found.record.created, found.id));
        for found in page {
            let mut row = view(&found);
            // Listing is about where they stand; `get` shows the variables.
            row.variables = Value::Null;
            if args.state.as_deref().is_some_and(|state| state != row.state) {
                continue;
            }
            if rows.len() == args.limit as usize {
                return Ok((rows, true));
            }
            rows.push(row);
        }
        if is_last {
            return Ok((rows, false));
        }
    }
}
