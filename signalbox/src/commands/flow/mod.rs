//! `signalbox flow …`: from a file to what runs.

mod deploy;
mod export;
mod file;
mod list;
pub mod validate;

use crate::context::Context;
use crate::failure::Failure;
use api::publish::RouteAddress;
use clap::{Args, Subcommand};
use flow::Timestamp;
use flow::route::Window;
use serde_json::{Value, json};

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Report all errors and warnings in flow files
    Validate(validate::ValidateArgs),
    /// Deploy a flow file as the active version of its flow
    Deploy(deploy::DeployArgs),
    /// List deployed flows
    List(list::ListArgs),
    /// Print the document of a deployed flow
    Export(export::ExportArgs),
}

/// When a route is active, by the time of the event.
#[derive(Args, Debug)]
pub struct WindowArgs {
    /// Start of the window, for example 2026-12-24T00:00:00Z; the default is no start
    #[arg(long, value_name = "TIME")]
    active_from: Option<Timestamp>,
    /// End of the window (exclusive); the default is no end
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
