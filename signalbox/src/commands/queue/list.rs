//! `signalbox queue list`.

use crate::client::Path;
use crate::commands::pages;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, OutputArgs, text};
use clap::Args;
use serde_json::Value;
use std::time::Duration;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    signalbox queue list\n  \
    signalbox queue list --output ndjson | jq -r 'select(.reading | not) | .name'\n\n\
    A queue is `full` while it refuses commands and activeflows wait for it. It is `set_aside` after data.queue_idle_limit \
    without an acknowledgement; then it takes no commands until its reader has emptied half of it. If amqp.url is set, the \
    queues are at the broker: rabbitmqctl list_queues.")]
pub struct ListArgs {
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: ListArgs, context: &Context) -> Result<(), Failure> {
    let rows = pages::unpaged(&context.client().await?, &Path::new("/v1/commands/queues")).await?;
    let columns: [Column<Value>; 7] = [
        ("QUEUE", |row| text(&row["name"])),
        ("CONDITION", |row| text(&row["condition"])),
        ("READER", |row| if row["reading"] == true { "connected" } else { "none" }.to_owned()),
        ("WAITING", |row| text(&row["waiting"])),
        ("SIZE", size),
        ("STALLED", stalled),
        ("TYPES", types),
    ];
    args.output.list(&rows, &columns, "There is no command queue. GET /v1/commands creates one.");
    Ok(())
}

fn types(row: &Value) -> String {
    row["types"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(",")
}

fn size(row: &Value) -> String {
    let bytes = |name: &str| row[name].as_u64().unwrap_or(0);
    let share = bytes("bytes").saturating_mul(100) / bytes("max_bytes").max(1);
    format!("{} KiB ({share}%)", bytes("bytes").div_ceil(1_024))
}

/// Time for which the oldest command waits to be acknowledged.
fn stalled(row: &Value) -> String {
    match (row["waiting"].as_u64(), row["stalled_ms"].as_u64()) {
        (Some(1..), Some(ms)) => format!("{} s", Duration::from_millis(ms).as_secs()),
        _ => "-".to_owned(),
    }
}
