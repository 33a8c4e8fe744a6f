//! `signalbox route delete KIND=ADDRESS`.

use crate::cli::Context;
use crate::failure::Failure;
use crate::output::line;
use crate::services::{catalogue, open_store};
use api::publish::{RouteAddress, close_route};
use clap::Args;

#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  signalbox route delete call=+15550111\n\nRunning activeflows finish; new events at the address start nothing."
)]
pub struct DeleteArgs {
    #[arg(value_name = "KIND=ADDRESS")]
    address: RouteAddress,
    /// Whose route it is; the default is intake.default_customer
    #[arg(long, value_name = "ID")]
    customer: Option<uuid::Uuid>,
}

pub async fn run(args: DeleteArgs, context: &Context) -> Result<(), Failure> {
    let customer = context.customer(args.customer);
    let store = open_store(context.config()).await?;
    let published = catalogue::change(&store, async |current, now| {
        let (definitions, closed) =
            close_route(&current, &customer, &args.address, now).map_err(Failure::Failed)?;
        Ok(Some((catalogue::only(definitions), closed)))
    })
    .await?;
    if let Some((generation, closed)) = published {
        let windows = if closed > 1 { format!(" ({closed} windows)") } else { String::new() };
        line(&format!("{} leads nowhere now{windows}", args.address));
        catalogue::report_live(&store, generation).await?;
    }
    Ok(())
}
