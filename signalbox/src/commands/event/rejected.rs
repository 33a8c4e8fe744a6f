//! `signalbox event rejected list|replay|discard`.

use crate::cli::Context;
use crate::failure::Failure;
use crate::output::{Column, OutputArgs, line};
use crate::services::{need_amqp, unusable_broker};
use adapters::amqp::Rejects;
use clap::{Args, Subcommand};
use common::ports::Rejects as _;
use common::ports::error::Unusable;
use common::ports::rejects::{Rejected, Selection};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show rejected events, oldest first; they stay where they are
    List(ListArgs),
    /// Publish rejected events again, as they were, after what was wrong is mended
    #[command(
        after_help = "Examples:\n  signalbox event rejected replay --id 7c1e\n  signalbox event rejected replay --all"
    )]
    Replay(SelectionArgs),
    /// Remove rejected events for good
    #[command(
        after_help = "Examples:\n  signalbox event rejected discard --id 7c1e --id 7c1f\n  signalbox event rejected discard --all"
    )]
    Discard(SelectionArgs),
}

#[derive(Args, Debug)]
pub struct ListArgs {
    /// How many at most
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct SelectionArgs {
    /// The message id, from `signalbox event rejected list`; may be repeated
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<String>,
    /// All of them
    #[arg(long)]
    all: bool,
}

#[derive(Serialize)]
struct Row {
    message_id: Option<String>,
    reason: String,
    message: String,
    /// The event as JSON, or as text where it is none.
    body: Value,
    original: BTreeMap<String, String>,
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let config = context.config();
    need_amqp(config)?;
    let rejects = Rejects { url: config.amqp.url.clone() };
    let failed = |error: Unusable| unusable_broker(config, &error.reason);
    match command {
        Command::List(args) => {
            let rejected = rejects.list(args.limit).await.map_err(failed)?;
            list(args.output, rejected);
        }
        Command::Replay(args) => {
            let count = rejects.replay(&selection(&args)).await.map_err(failed)?;
            found(count, &args)?;
            line(&match count {
                0 => "No event is rejected: nothing to replay.".to_owned(),
                count => format!("replayed {count}: each is an event again, and left the rejected queue"),
            });
        }
        Command::Discard(args) => {
            let count = rejects.discard(&selection(&args)).await.map_err(failed)?;
            found(count, &args)?;
            line(&format!("discarded {count}"));
        }
    }
    Ok(())
}

fn selection(args: &SelectionArgs) -> Selection {
    if args.all { Selection::All } else { Selection::MessageIds(args.ids.iter().cloned().collect()) }
}

/// Asking for an id that is not there is a mistake; asking for all of none is not.
fn found(count: usize, args: &SelectionArgs) -> Result<(), Failure> {
    if count == 0 && !args.all {
        let ids = args.ids.join(", ");
        return Err(Failure::failed(format!(
            "no rejected event has the message id {ids}; `signalbox event rejected list` shows those there are"
        )));
    }
    Ok(())
}

fn list(output: OutputArgs, rejected: Vec<Rejected>) {
    let rows: Vec<Row> = rejected.into_iter().map(row).collect();
    let columns: [Column<Row>; 4] = [
        ("ID", |row| row.message_id.clone().unwrap_or_else(|| "-".into())),
        ("REASON", |row| row.reason.clone()),
        ("TYPE", |row| row.original.get("routing_key").cloned().unwrap_or_else(|| "-".into())),
        ("WHAT", |row| row.message.clone()),
    ];
    output.list(&rows, &columns, "No event is rejected.");
}

fn row(rejected: Rejected) -> Row {
    let Rejected { reason, message, body, original } = rejected;
    let body = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
    Row { message_id: original.get("message_id").cloned(), reason, message, body, original }
}
