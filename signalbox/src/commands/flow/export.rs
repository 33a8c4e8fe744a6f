//! `signalbox flow export NAME`.

use crate::client::Path;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::OutputArgs;
use clap::Args;
use serde_json::Value;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    signalbox flow export 'Support line' > support-line.json\n  \
    signalbox flow export 'Support line' --output json | jq .version")]
pub struct ExportArgs {
    /// The flow's name or id, from `signalbox flow list`
    #[arg(value_name = "NAME")]
    flow: String,
    /// Customer id; the default is intake.default_customer
    #[arg(long, value_name = "ID")]
    customer: Option<uuid::Uuid>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Without `--output` the document alone, so that it can be deployed again.
pub async fn run(args: ExportArgs, context: &Context) -> Result<(), Failure> {
    let path = Path::new("/v1/flows").segment(&args.flow).with("customer_id", args.customer);
    let flow: Value = context.client().await?.get(path.as_str()).await?;
    args.output.one(&flow, || match &flow["document"] {
        Value::String(document) => document.clone(),
        document => common::json::to_pretty_text(document),
    });
    Ok(())
}
