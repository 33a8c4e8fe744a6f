//! `signalbox activeflow watch`.

use super::args::FilterArgs;
use super::columns::{action, reference, state};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Format, OutputArgs, line, stderr_line, text};
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;

/// Pause before the stream is opened again.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    signalbox activeflow watch\n  \
    signalbox activeflow watch --reference call --output ndjson | jq -r 'select(.event == \"ended\").activeflow.end_reason'")]
pub struct WatchArgs {
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs until the API is unreachable or the user interrupts. A new stream also delivers the changes since the last one.
pub async fn run(args: WatchArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client().await?;
    let path = args.filter.query("/v1/activeflows/events", context);
    let mut last: Option<String> = None;
    loop {
        let mut messages = client.messages(path.as_str(), last.as_deref()).await?;
        while let Some(message) = messages.next().await {
            if message.event == "gap" {
                stderr_line(&format!("Some changes were missed: {}", message.data));
                continue;
            }
            let activeflow: Value = serde_json::from_str(&message.data).unwrap_or(Value::Null);
            match args.output.output {
                Format::Table => line(&shown(&message.event, &activeflow)),
                Format::Json | Format::Ndjson => {
                    line(&json!({ "event": message.event, "activeflow": activeflow }).to_string());
                }
            }
        }
        last = messages.last_id().map(str::to_owned).or(last);
        stderr_line("The stream ended; opening it again.");
        tokio::time::sleep(PAUSE).await;
    }
}

fn shown(event: &str, it: &Value) -> String {
    let (at, id, flow) = (text(&it["tm_update"]), text(&it["id"]), text(&it["flow_name"]));
    format!(
        "{at}  {event:8} {id}  {} v{}  {}  {}  {}",
        flow,
        text(&it["flow_version"]),
        reference(it),
        state(it),
        action(it)
    )
}
