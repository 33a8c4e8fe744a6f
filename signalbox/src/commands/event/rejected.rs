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
        ("ID", |row| shown(&row["id"])),
        ("REASON", |row| shown(&row["reason"])),
        ("TYPE", |row| shown(&row["original"]["routing_key"])),
        ("MESSAGE", |row| shown(&row["message"])),
    ];
    args.output.list(&rows, &columns, "There are no rejected events.");
    Ok(())
}

/// A text of a publisher as a terminal may show it: without characters that control it or change the order of others.
fn shown(value: &Value) -> String {
    let is_harmful = |c: char| {
        let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
    };
    text(value).chars().fold(String::new(), |mut shown, c| {
        match is_harmful(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
        shown
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_control_a_terminal_are_escaped() {
        for (text, expected) in [
            ("gr\u{f6}\u{df}e \u{1f4de} ok", "gr\u{f6}\u{df}e \u{1f4de} ok"),
            ("a\u{1b}[2Jb\r\n", r"a\u{1b}[2Jb\u{d}\u{a}"),
            ("a\u{9b}31m\u{202e}\u{2066}\u{200f}b", r"a\u{9b}31m\u{202e}\u{2066}\u{200f}b"),
        ] {
            assert_eq!(shown(&json!(text)), expected);
        }
        assert_eq!(shown(&Value::Null), "-");
    }
}
