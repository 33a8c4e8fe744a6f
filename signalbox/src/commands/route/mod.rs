//! `signalbox route …`: which address leads to which flow.

mod delete;
mod list;
mod set;

use crate::cli::Context;
use crate::failure::Failure;
use clap::Subcommand;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show the routes
    List(list::ListArgs),
    /// Let an address lead to a deployed flow, or change its window or priority
    Set(set::SetArgs),
    /// Let an address lead nowhere; events from before are still judged by their own time
    Delete(delete::DeleteArgs),
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::List(args) => list::run(args, context).await,
        Command::Set(args) => set::run(args, context).await,
        Command::Delete(args) => delete::run(args, context).await,
    }
}
