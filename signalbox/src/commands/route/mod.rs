//! `signalbox route …`: bind addresses to flows.

mod delete;
mod list;
mod set;

use crate::context::Context;
use crate::failure::Failure;
use clap::Subcommand;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// List routes
    List(list::ListArgs),
    /// Route an address to a deployed flow, or change the window or priority of its route
    Set(set::SetArgs),
    /// Delete the route of an address; earlier events still use the route that was active at their time
    Delete(delete::DeleteArgs),
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::List(args) => list::run(args, context).await,
        Command::Set(args) => set::run(args, context).await,
        Command::Delete(args) => delete::run(args, context).await,
    }
}
