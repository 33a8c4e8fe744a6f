//! `signalbox flow …`: from a file to what runs.

mod deploy;
mod export;
mod file;
mod list;
pub mod validate;

use crate::cli::Context;
use crate::failure::Failure;
use api::publish::RouteAddress;
use clap::{Args, Subcommand};
use flow::Timestamp;
use flow::route::Window;
use serde_json::{Value, json};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Say everything that is wrong with flow files
    Validate(validate::ValidateArgs),
    /// Make a flow file the active version of its flow
    Deploy(deploy::DeployArgs),
    /// Show what is deployed
    List(list::ListArgs),
    /// Print the document of a deployed flow
    Export(export::ExportArgs),
}

/// When a route is active, by the time of the event.
#[derive(Args, Debug)]
pub struct WindowArgs {
    /// From when on, for example 2026-12-24T00:00:00Z; the default is always
    #[arg(long, value_name = "TIME")]
    active_from: Option<Timestamp>,
    /// Until when (that moment excluded)
    #[arg(long, value_name = "TIME")]
    active_until: Option<Timestamp>,
}

impl WindowArgs {
    /// A route as the API takes it.
    fn of_route(&self, address: &RouteAddress) -> Value {
        json!({
            "address": address.to_string(),
            "active_from": self.active_from,
            "active_until": self.active_until,
        })
    }

    /// # Errors
    /// The window is empty.
    pub fn window(&self) -> Result<Window, Failure> {
        if let (Some(from), Some(until)) = (self.active_from, self.active_until)
            && from >= until
        {
            return Err(Failure::usage(format!(
                "--active-from is {from} and --active-until {until}: the end must come after the start"
            )));
        }
        Ok(Window { active_from: self.active_from, active_until: self.active_until })
    }
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Validate(args) => validate::run(&args),
        Command::Deploy(args) => deploy::run(args, context).await,
        Command::List(args) => list::run(args, context).await,
        Command::Export(args) => export::run(args, context).await,
    }
}
