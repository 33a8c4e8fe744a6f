//! `signalbox route set KIND=ADDRESS --flow NAME`.

use crate::client::Path;
use crate::commands::flow::WindowArgs;
use crate::commands::live;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::OutputArgs;
use api::publish::RouteAddress;
use clap::Args;
use serde_json::{Value, json};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    signalbox route set call=+15550111 --flow 'Support line'\n  \
    signalbox route set sms=+1555* --flow Survey --priority 5\n  \
    signalbox route set call=* --flow Holidays --active-from 2026-12-24T00:00:00Z --active-until 2026-12-27T00:00:00Z\n\n\
    If several routes match, an exact address wins, then the longest prefix, the highest priority, and the latest start.")]
pub struct SetArgs {
    /// call=, sms=, sim=, conversation=, form=, job= or custom= and an address, a prefix (+1555*) or *
    #[arg(value_name = "KIND=ADDRESS")]
    address: RouteAddress,
    /// The flow's name or id
    #[arg(long, value_name = "NAME")]
    flow: String,
    #[command(flatten)]
    window: WindowArgs,
    /// Priority; among equally specific routes the highest one is used
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_name = "N")]
    priority: i32,
    /// Id of the customer that owns the flow; the default is intake.default_customer
    #[arg(long, value_name = "ID")]
    customer: Option<uuid::Uuid>,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: SetArgs, context: &Context) -> Result<(), Failure> {
    let window = args.window.window()?;
    let asked = json!({
        "flow": args.flow,
        "active_from": window.active_from,
        "active_until": window.active_until,
        "priority": args.priority,
    });
    let path = Path::new("/v1/routes").segment(&args.address).with("customer_id", args.customer);
    let set: Value = context.client().await?.put(path.as_str(), &asked).await?;
    args.output.one(&set, || said(&set, &args));
    Ok(())
}

fn said(set: &Value, args: &SetArgs) -> String {
    let SetArgs { address, flow, .. } = args;
    let before = match (set["placed"].as_str(), set["before"].as_str()) {
        (Some("unchanged"), _) => return format!("unchanged: {address} already leads to `{flow}`"),
        (Some("replaced"), Some(before)) => format!(" (previously to `{before}`)"),
        _ => String::new(),
    };
    format!("{address} leads to `{flow}`{before}\n{}", live::said(set))
}
