//! `signalbox queue …`: command queues of gateways without AMQP.

mod list;
mod remove;

use crate::context::Context;
use crate::failure::Failure;
use clap::Subcommand;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// List command queues, their readers and what waits in them
    List(list::ListArgs),
    /// Remove a command queue that nobody reads any more, with its commands
    Remove(remove::RemoveArgs),
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::List(args) => list::run(args, context).await,
        Command::Remove(args) => remove::run(args, context).await,
    }
}
