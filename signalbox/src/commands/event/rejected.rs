//! `signalbox event rejected list|replay|discard`.

use crate::client::{Client, Path};
use crate::commands::pages;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, OutputArgs, line, text};
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show rejected events, oldest first, without removing them
    #[command(
        after_help = "Example:\n  signalbox event rejected list --output ndjson | jq -r '[.id, .reason] | @tsv'"
    )]
    List(ListArgs),
    /// Publish rejected events again, unchanged, after the cause is fixed
    #[command(
        after_help = "Examples:\n  signalbox event rejected replay --id 3f0c6e19a2b47d58\n  signalbox event rejected replay --all"
    )]
    Replay(SelectionArgs),
    /// Delete rejected events permanently
    #[command(
        after_help = "Examples:\n  signalbox event rejected discard --id 3f0c6e19a2b47d58 --id 90c2\n  signalbox event rejected discard --all"
    )]
    Discard(SelectionArgs),
}

#[derive(Args, Debug)]
pub struct ListArgs {
    /// Maximum number of rows
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct SelectionArgs {
    /// Id from `signalbox event rejected list`, or the message id of an event; may be repeated
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<String>,
    /// All rejected events
    #[arg(long)]
    all: bool,
}

#[derive(Deserialize)]
struct Counted {
    count: usize,
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let client = context.client().await?;
    match command {
        Command::List(args) => list(&args, &client).await,
        Command::Replay(args) => {
            let count = settle("replay", &args, &client).await?;
            line(&match count {
                0 => "There are no rejected events to replay.".to_owned(),
                count => format!("replayed {count}: published again and removed from the rejected queue"),
            });
            Ok(())
        }
        Command::Discard(args) => {
            let count = settle("discard", &args, &client).await?;
            line(&format!("discarded {count}"));
            Ok(())
        }
    }
}

async fn list(args: &ListArgs, client: &Client) -> Result<(), Failure> {
    let path = Path::new("/v1/events/rejected").with("limit", Some(args.limit));
    let rows = pages::unpaged(client, &path).await?;
    let columns: [Column<Value>; 4] = [
        ("ID", |row| text(&row["id"])),
        ("REASON", |row| text(&row["reason"])),
        ("TYPE", |row| text(&row["original"]["routing_key"])),
        ("MESSAGE", |row| text(&row["message"])),
    ];
    args.output.list(&rows, &columns, "There are no rejected events.");
    Ok(())
}

/// Replays or discards. An unknown id is an error; `--all` without rejected events is not.
async fn settle(what: &str, args: &SelectionArgs, client: &Client) -> Result<usize, Failure> {
    let selection = if args.all { json!({ "all": true }) } else { json!({ "ids": args.ids }) };
    let Counted { count } = client.post(&format!("/v1/events/rejected/{what}"), &selection).await?;
    if count == 0 && !args.all {
        let ids = args.ids.join(", ");
        return Err(Failure::failed(format!(
            "no rejected event has the id or message id {ids}; `signalbox event rejected list` lists the rejected events"
        )));
    }
    Ok(count)
}
