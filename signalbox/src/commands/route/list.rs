//! `signalbox route list`.

use crate::cli::Context;
use crate::failure::Failure;
use crate::output::{Column, OutputArgs};
use crate::services::{catalogue, open_store};
use clap::Args;
use common::ports::Catalogue;
use flow::Timestamp;
use flow::definitions::Definitions;
use flow::route::Route;
use serde::Serialize;

#[derive(Args, Debug)]
pub struct ListArgs {
    /// Also those that were deleted within the last 7 days
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Row {
    route: String,
    flow: String,
    flow_id: String,
    customer_id: String,
    priority: i32,
    active_from: Option<Timestamp>,
    active_until: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    /// `active`, `planned`, `expired` or `deleted`, now.
    state: &'static str,
}

pub async fn run(args: ListArgs, context: &Context) -> Result<(), Failure> {
    let store = open_store(context.config()).await?;
    let definitions = catalogue::current(&store).await?;
    let now = store.now().await?;
    let shown = definitions.routes.iter().filter(|route| args.all || route.closed_at.is_none());
    let mut rows: Vec<Row> = shown.map(|route| row(route, &definitions, now)).collect();
    rows.sort_by(|a, b| (&a.route, a.active_from).cmp(&(&b.route, b.active_from)));
    let columns: [Column<Row>; 6] = [
        ("ROUTE", |row| row.route.clone()),
        ("FLOW", |row| row.flow.clone()),
        ("STATE", |row| row.state.into()),
        ("PRIORITY", |row| row.priority.to_string()),
        ("FROM", |row| shown_time(row.active_from)),
        ("UNTIL", |row| shown_time(row.active_until)),
    ];
    let empty = "There is no route yet. Set one: signalbox route set call=+15550111 --flow NAME";
    args.output.list(&rows, &columns, empty);
    Ok(())
}

fn row(route: &Route, definitions: &Definitions, now: Timestamp) -> Row {
    let state = match &route.window {
        _ if route.closed_at.is_some() => "deleted",
        window if window.active_until.is_some_and(|until| until <= now) => "expired",
        window if window.active_from.is_some_and(|from| now < from) => "planned",
        _ => "active",
    };
    Row {
        route: route.id.clone(),
        flow: definitions
            .flows
            .get(&route.flow_id)
            .map_or_else(|| "(not deployed)".into(), |flow| flow.name.clone()),
        flow_id: route.flow_id.clone(),
        customer_id: route.customer_id.clone(),
        priority: route.priority,
        active_from: route.window.active_from,
        active_until: route.window.active_until,
        deleted_at: route.closed_at,
        state,
    }
}

fn shown_time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| time.to_string())
}
