//! `signalbox route set KIND=ADDRESS --flow NAME`.

use crate::cli::Context;
use crate::commands::flow::WindowArgs;
use crate::failure::Failure;
use crate::output::line;
use crate::services::{catalogue, open_store};
use api::publish::{Placed, RouteAddress, RouteChange, place_route};
use clap::Args;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    signalbox route set call=+15550111 --flow 'Support line'\n  \
    signalbox route set sms=+1555* --flow Survey --priority 5\n  \
    signalbox route set call=* --flow Holidays --active-from 2026-12-24T00:00:00Z --active-until 2026-12-27T00:00:00Z\n\n\
    Of several routes that match, the exact one goes first, then the longest prefix, the highest priority, the latest start.")]
pub struct SetArgs {
    /// call=, sms=, sim=, conversation=, form=, job= or custom= and an address, a prefix (+1555*) or *
    #[arg(value_name = "KIND=ADDRESS")]
    address: RouteAddress,
    /// The flow's name or id
    #[arg(long, value_name = "NAME")]
    flow: String,
    #[command(flatten)]
    window: WindowArgs,
    /// Between equally exact routes the higher one goes first
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_name = "N")]
    priority: i32,
    /// Whose flow it is; the default is intake.default_customer
    #[arg(long, value_name = "ID")]
    customer: Option<uuid::Uuid>,
}

pub async fn run(args: SetArgs, context: &Context) -> Result<(), Failure> {
    let change =
        RouteChange { address: args.address, window: args.window.window()?, priority: args.priority };
    let customer = context.customer(args.customer);
    let store = open_store(context.config()).await?;
    let published = catalogue::change(&store, async |current, now| {
        let changed = place_route(&current, &customer, &args.flow, &change, now).map_err(Failure::Failed)?;
        Ok(changed.map(|(definitions, placed)| (catalogue::only(definitions), placed)))
    })
    .await?;
    let address = &change.address;
    match published {
        None => line(&format!("unchanged: {address} leads to `{}` already", args.flow)),
        Some((generation, placed)) => {
            let before = match placed {
                Placed::Replaced { flow_name } => format!(" (it led to `{flow_name}` before)"),
                _ => String::new(),
            };
            line(&format!("{address} leads to `{}`{before}", args.flow));
            catalogue::report_live(&store, generation).await?;
        }
    }
    Ok(())
}
