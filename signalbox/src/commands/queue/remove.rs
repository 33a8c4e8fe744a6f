//! `signalbox queue remove NAME`.

use crate::client::Path;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{OutputArgs, text};
use clap::Args;
use serde_json::Value;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  signalbox queue remove shell\n\n\
    Its reader's stream ends. Later commands of its types go to the other queues, or wait in signalbox.unrouted until a \
    queue for them is opened.")]
pub struct RemoveArgs {
    /// The queue's name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: RemoveArgs, context: &Context) -> Result<(), Failure> {
    let path = Path::new("/v1/commands").with("queue", Some(&args.name));
    let removed: Value = context.client().await?.delete(path.as_str()).await?;
    args.output.one(&removed, || {
        format!("the queue {} is removed, with {} commands", args.name, text(&removed["removed"]))
    });
    Ok(())
}
