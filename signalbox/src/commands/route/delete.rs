//! `signalbox route delete KIND=ADDRESS`.

use crate::client::Path;
use crate::commands::live;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::OutputArgs;
use api::publish::RouteAddress;
use clap::Args;
use serde_json::Value;

#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  signalbox route delete call=+15550111\n\nRunning activeflows finish; new events at the address start nothing."
)]
pub struct DeleteArgs {
    #[arg(value_name = "KIND=ADDRESS")]
    address: RouteAddress,
    /// Id of the customer that owns the route; the default is intake.default_customer
    #[arg(long, value_name = "ID")]
    customer: Option<uuid::Uuid>,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: DeleteArgs, context: &Context) -> Result<(), Failure> {
    let path = Path::new("/v1/routes").segment(&args.address).with("customer_id", args.customer);
    let deleted: Value = context.client().await?.delete(path.as_str()).await?;
    args.output.one(&deleted, || {
        let count = deleted["deleted"].as_u64().unwrap_or(1);
        let windows = if count > 1 { format!(" ({count} windows)") } else { String::new() };
        format!("the route {} is deleted{windows}\n{}", args.address, live::said(&deleted))
    });
    Ok(())
}
